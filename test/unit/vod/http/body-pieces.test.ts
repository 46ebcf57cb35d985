import { describe, expect, it } from 'vitest';
import { bodyPieces, LARGE_PIECE_BYTES, PIECE_BYTES } from '../../../../src/vod/http/body-pieces.ts';
import { Throttle } from '../../../../src/vod/http/throttle.ts';

const MIB = 2 ** 20;

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index % 251);

/** Records the calls. */
function recorder() {
  const calls: (number | string)[] = [];
  return {
    calls,
    pieceWaits: () => void calls.push('waits'),
    pieceStarted: (length: number) => void calls.push(length),
    pieceSent: () => void calls.push('sent'),
    bodySent: () => void calls.push('all sent'),
  };
}

describe('a body in pieces', () => {
  it.each([PIECE_BYTES, LARGE_PIECE_BYTES])('of %d bytes is the same bytes, without a copy', async (size) => {
    const body = bytes(4 * size + 5);
    const pieces: Uint8Array[] = [];
    for await (const piece of bodyPieces(body, () => size, recorder())) pieces.push(piece);
    expect(pieces.map(({ length }) => length)).toEqual([size, size, size, size, 5]);
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
    expect(new Set(pieces.map(({ buffer }) => buffer))).toEqual(new Set([body.buffer]));
  });

  it('reports the start and the end of each piece, and the end of the body', async () => {
    const progress = recorder();
    for await (const _ of bodyPieces(bytes(PIECE_BYTES + 10), () => PIECE_BYTES, progress));
    expect(progress.calls).toEqual([PIECE_BYTES, 'sent', 10, 'sent', 'all sent']);
  });

  it('ends when the signal of its throttle aborts', async () => {
    const controller = new AbortController();
    const progress = recorder();
    const throttle = new Throttle(1);
    const body = bodyPieces(
      new Uint8Array(MIB),
      () => PIECE_BYTES,
      progress,
      (length) => throttle.take(length, controller.signal),
    );
    await body.next();
    const next = body.next();
    controller.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
    // No piece has started while the throttle delays it.
    expect(progress.calls).toEqual(['waits', PIECE_BYTES, 'sent', 'waits']);
  });

  it('continues in smaller pieces when it becomes limited', async () => {
    const progress = recorder();
    let isLimited = false;
    const pieces = bodyPieces(
      bytes(LARGE_PIECE_BYTES + 2 * PIECE_BYTES),
      () => (isLimited ? PIECE_BYTES : LARGE_PIECE_BYTES),
      progress,
      () => (isLimited ? Promise.resolve() : undefined),
    );
    await pieces.next();
    isLimited = true;
    for await (const _ of pieces);
    expect(progress.calls.filter((call) => call !== 'sent')).toEqual([
      ...[LARGE_PIECE_BYTES, 'waits', PIECE_BYTES, 'waits', PIECE_BYTES, 'all sent'],
    ]);
  });
});
