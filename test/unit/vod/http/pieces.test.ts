import { describe, expect, it } from 'vitest';
import {
  inPieces,
  inThrottledPieces,
  LARGE_PIECE_BYTES,
  PIECE_BYTES,
} from '../../../../src/vod/http/pieces.ts';
import { createThrottle } from '../../../../src/vod/http/throttle.ts';

const MIB = 2 ** 20;

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index % 251);

/** Notes what it is told. */
function watching() {
  const told: (number | string)[] = [];
  return {
    told,
    given: (length: number) => void told.push(length),
    taken: () => void told.push('taken'),
    sent: () => void told.push('sent'),
  };
}

describe('a body in pieces', () => {
  it.each([PIECE_BYTES, LARGE_PIECE_BYTES])('of %d bytes is the same bytes, without a copy', (size) => {
    const body = bytes(4 * size + 5);
    const pieces = [...inPieces(body, size, watching())];
    expect(pieces.map(({ length }) => length)).toEqual([size, size, size, size, 5]);
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
    expect(new Set(pieces.map(({ buffer }) => buffer))).toEqual(new Set([body.buffer]));
  });

  it('tells of each piece when it is given and when it is taken, and of the end', () => {
    const watch = watching();
    for (const _ of inPieces(bytes(PIECE_BYTES + 10), PIECE_BYTES, watch));
    expect(watch.told).toEqual([PIECE_BYTES, 'taken', 10, 'taken', 'sent']);
  });
});

describe('a throttled body', () => {
  it('is the same bytes in small pieces', async () => {
    const body = bytes(3 * PIECE_BYTES + 5);
    const pieces: Uint8Array[] = [];
    const watch = watching();
    const { signal } = new AbortController();
    const throttle = createThrottle(1e9);
    for await (const piece of inThrottledPieces(body, { throttle, signal }, watch)) pieces.push(piece);
    expect(pieces.map(({ length }) => length)).toEqual([PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, 5]);
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
    expect(watch.told.slice(-3)).toEqual([5, 'taken', 'sent']);
  });

  it('ends as soon as its signal aborts', async () => {
    const controller = new AbortController();
    const watch = watching();
    const { signal } = controller;
    const body = inThrottledPieces(new Uint8Array(MIB), { throttle: createThrottle(1), signal }, watch);
    await body.next();
    const next = body.next();
    controller.abort();
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
    // It waits for its own throttle, and the connection has nothing to take.
    expect(watch.told).toEqual([PIECE_BYTES, 'taken']);
  });
});
