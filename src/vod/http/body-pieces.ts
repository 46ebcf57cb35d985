import type { Throttle } from './throttle.ts';

/** Piece size of a body whose connection is slow, throttled or not known yet, in bytes: progress can be measured. */
export const PIECE_BYTES = 64 * 1024;
/** The same on a fast connection. Each piece costs a system call. */
export const LARGE_PIECE_BYTES = 512 * 1024;

/** Called as a body is sent. */
interface BodyProgress {
  pieceStarted(bytes: number): void;
  pieceSent(): void;
  bodySent(): void;
}

/**
 * Yields the body in pieces, without a copy. The HTTP client requests a piece when the connection has accepted the one
 * before, which shows how fast the body is sent.
 * @param throttle awaited before each piece
 */
export async function* bodyPieces(
  body: Uint8Array,
  pieceBytes: number,
  progress: BodyProgress,
  throttle?: (bytes: number) => ReturnType<Throttle>,
): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < body.length; offset += pieceBytes) {
    const piece = body.subarray(offset, offset + pieceBytes);
    await throttle?.(piece.length);
    progress.pieceStarted(piece.length);
    yield piece;
    progress.pieceSent();
  }
  progress.bodySent();
}
