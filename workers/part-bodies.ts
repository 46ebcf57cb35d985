import type { PartBody, PieceDigest } from '../src/backend/backend.ts';
import type { PartData } from '../src/queue/jobs/part.ts';
import type { OpenFileCache } from '../src/source/open-file-cache.ts';
import type { Digest, FileSource } from '../src/source/source.ts';
import { PART_SIZES } from '../src/vod/wire/protocol.ts';

type Buffer = Uint8Array<SharedArrayBuffer>;

/** Parts up to this size are read as a whole before they are sent; larger ones in pieces while they are sent. */
const WHOLE_BYTES = PART_SIZES[1];
const PIECE_BYTES = PART_SIZES[0];
/** One is sent, one is read, and the one before may still be in a buffer of the connection. */
const PIECES_PER_PART = 3;

/** The bytes of one part in its file. */
export type PartRange = Pick<PartData, 'source' | 'hashed' | 'offset' | 'dataSize'>;

/** A part of which the first bytes were read. */
export interface ReadPart {
  readonly body: PartBody;
  /** Frees its buffers; the body must not be used any more. */
  release(): void;
}

interface PartBodiesOptions {
  readonly files: OpenFileCache;
  /** Of a part or a piece. */
  readonly digest: Digest;
  /** How many free buffers to keep for later parts: about as many as there are parts at a time. */
  readonly keep: () => number;
}

/** Reads parts into buffers that later parts reuse. */
export class PartBodies {
  readonly #options: PartBodiesOptions;
  readonly #whole = new BufferPool(WHOLE_BYTES);
  readonly #pieces = new BufferPool(PIECE_BYTES);

  constructor(options: PartBodiesOptions) {
    this.#options = options;
  }

  /** Reads a small part as a whole, and the first piece of a large one. */
  async read(range: PartRange, signal: AbortSignal): Promise<ReadPart> {
    return range.dataSize <= WHOLE_BYTES
      ? await this.#readWhole(range, signal)
      : await this.#readFirst(range, signal);
  }

  async #readWhole(range: PartRange, signal: AbortSignal): Promise<ReadPart> {
    const buffer = this.#whole.take();
    const bytes = buffer.subarray(0, range.dataSize);
    const byteLength = bytes.length;
    // A failed read may still write into the buffer, so it is not released.
    const digest = await this.#fill(bytes, range, range.offset, signal);
    return {
      body: {
        byteLength,
        whole: { bytes, digest },
        async *pieces(_signal, onDigest) {
          onDigest({ byteLength, digest });
          yield bytes;
        },
      },
      release: () => this.#whole.give(buffer, this.#options.keep()),
    };
  }

  async #readFirst(range: PartRange, signal: AbortSignal): Promise<ReadPart> {
    const { offset, dataSize } = range;
    const buffers = Array.from({ length: PIECES_PER_PART }, () => this.#pieces.take());
    let isReading = false;
    const read = async (index: number, signal: AbortSignal): Promise<{ piece: Buffer; digest: string }> => {
      const from = index * PIECE_BYTES;
      const piece = (buffers[index % PIECES_PER_PART] as Buffer).subarray(0, dataSize - from);
      isReading = true;
      const digest = await this.#fill(piece, range, offset + from, signal);
      isReading = false;
      return { piece, digest };
    };
    const first = await read(0, signal);
    async function* pieces(
      signal: AbortSignal,
      onDigest: (piece: PieceDigest) => void,
    ): AsyncGenerator<Uint8Array> {
      for (let index = 0; index * PIECE_BYTES < dataSize; index++) {
        const { piece, digest } = index === 0 ? first : await read(index, signal);
        onDigest({ byteLength: piece.length, digest });
        yield piece;
      }
    }
    return {
      body: { byteLength: dataSize, pieces },
      release: () => {
        // A read that failed, or that nobody waits for any more, may still write into its buffer.
        if (isReading) return;
        for (const buffer of buffers) this.#pieces.give(buffer, PIECES_PER_PART * this.#options.keep());
      },
    };
  }

  async #fill(target: Buffer, { source, hashed }: PartRange, offset: number, signal: AbortSignal) {
    const { files, digest } = this.#options;
    const read = (file: FileSource): Promise<string> => file.read(target, offset, { digest, signal });
    return await files.use(source, hashed.version, read, signal);
  }
}

/** Buffers of one size, which threads that read files share. */
class BufferPool {
  readonly #bytes: number;
  readonly #free: Buffer[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(this.#bytes));
  }

  /** @param keep the most free buffers to keep */
  give(buffer: Buffer, keep: number): void {
    if (this.#free.length < keep) this.#free.push(buffer);
  }
}
