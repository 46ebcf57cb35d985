/** Piece size of a body whose connection is slow, throttled or not known yet, in bytes: progress can be measured. */
export const PIECE_BYTES = 64 * 1024;
/** The same on a fast connection. Each piece costs a system call. */
export const LARGE_PIECE_BYTES = 512 * 1024;

/** Called as a body is sent. */
interface BodyProgress {
  /** The next piece waits for the bandwidth limit, or for the source of the body. */
  pieceWaits(): void;
  pieceStarted(bytes: number): void;
  pieceSent(): void;
  bodySent(): void;
}

/**
 * Yields the body in pieces, without a copy. The HTTP client requests a piece when the connection has accepted the one
 * before, which shows how fast the body is sent.
 * @param body the bytes, or where they are read from while they are sent
 * @param pieceBytes the size of the next piece
 * @param throttle awaited before each piece; undefined: it need not wait
 */
export async function* bodyPieces(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  pieceBytes: () => number,
  progress: BodyProgress,
  throttle?: (bytes: number) => Promise<void> | undefined,
): AsyncGenerator<Uint8Array> {
  async function* cut(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < bytes.length; ) {
      const piece = bytes.subarray(offset, offset + pieceBytes());
      offset += piece.length;
      const wait = throttle?.(piece.length);
      if (wait !== undefined) {
        progress.pieceWaits();
        await wait;
      }
      progress.pieceStarted(piece.length);
      yield piece;
      progress.pieceSent();
    }
  }

  if (body instanceof Uint8Array) yield* cut(body);
  else {
    progress.pieceWaits();
    for await (const bytes of body) {
      yield* cut(bytes);
      progress.pieceWaits();
    }
  }
  progress.bodySent();
}
