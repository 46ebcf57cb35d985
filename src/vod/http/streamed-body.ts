import { UploaderError } from '../../base/errors.ts';

/** A body that is read while it is sent, so that it need not fit in memory. */
export interface StreamedBody {
  readonly byteLength: number;
  /**
   * The bytes in pieces of up to 1 MiB, `byteLength` in total. An error that it throws ends the request and is what the
   * call rejects with, unchanged.
   * @param signal aborts when the request has ended
   */
  pieces(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Reads a streamed body once. */
export class BodyReader {
  readonly #body: StreamedBody;
  #isComplete = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(body: StreamedBody) {
    this.#body = body;
  }

  /** Whether all bytes were read. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Why the body could not be read, unless the request had ended before. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** Throws UploaderError (BODY_LENGTH) if there are more or fewer bytes than the body's length, and what the body throws. */
  async *read(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { byteLength } = this.#body;
    let bytes = 0;
    try {
      for await (const piece of this.#body.pieces(signal)) {
        bytes += piece.byteLength;
        if (bytes > byteLength) break;
        yield piece;
      }
      if (bytes !== byteLength) {
        const found = bytes > byteLength ? 'more' : `only ${bytes}`;
        throw new UploaderError('BODY_LENGTH', `the body should have ${byteLength} bytes, but has ${found}`);
      }
      this.#isComplete = true;
    } catch (error) {
      if (!signal.aborted) this.#failure = { error };
      throw error;
    }
  }
}
