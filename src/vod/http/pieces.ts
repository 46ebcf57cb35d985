import type { Throttle } from './throttle.ts';

/** What a body is sent by on a line that is slow, capped or not known yet, in bytes: it is seen to get on. */
export const PIECE_BYTES = 64 * 1024;
/** The same on a fast one. Each piece costs a system call. */
export const LARGE_PIECE_BYTES = 512 * 1024;

/** Whoever follows how a body gets on. */
interface PieceWatch {
  given(bytes: number): void;
  taken(): void;
  sent(): void;
}

/**
 * The body piece by piece, without a copy. Whoever takes one asks for the next when the connection has it, so the
 * pieces show how the body gets on.
 */
export function* inPieces(body: Uint8Array, pieceBytes: number, watch: PieceWatch): Generator<Uint8Array> {
  for (let offset = 0; offset < body.length; offset += pieceBytes) {
    const piece = body.subarray(offset, offset + pieceBytes);
    watch.given(piece.length);
    yield piece;
    watch.taken();
  }
  watch.sent();
}

/** The same, each piece when it may be sent. */
export async function* inThrottledPieces(
  body: Uint8Array,
  { throttle, signal }: { readonly throttle: Throttle; readonly signal: AbortSignal },
  watch: PieceWatch,
): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < body.length; offset += PIECE_BYTES) {
    const piece = body.subarray(offset, offset + PIECE_BYTES);
    await throttle(piece.length, signal);
    watch.given(piece.length);
    yield piece;
    watch.taken();
  }
  watch.sent();
}
