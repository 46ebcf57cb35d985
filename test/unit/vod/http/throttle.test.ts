import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyPieces, PIECE_BYTES } from '../../../../src/vod/http/body-pieces.ts';
import { ByteSchedule, createThrottle, type Time } from '../../../../src/vod/http/throttle.ts';
import { bodyMs, cappedTimeouts, DEFAULT_TIMEOUTS } from '../../../../src/vod/http/timeouts.ts';

const MIB = 2 ** 20;

const NO_PROGRESS = { pieceStarted: () => {}, pieceSent: () => {}, bodySent: () => {} };

describe('a schedule of bytes', () => {
  it('never allows more than the cap, a credit of 50 ms and one piece', () => {
    const asks = fc.array(
      fc.record({ bytes: fc.integer({ min: 1, max: PIECE_BYTES }), laterMs: fc.nat(200) }),
      {
        minLength: 1,
        maxLength: 100,
      },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 1e8 }), asks, (rate, list) => {
        const schedule = new ByteSchedule(rate);
        let nowMs = 0;
        const sent = list.map(({ bytes, laterMs }) => {
          nowMs += laterMs;
          return { bytes, atMs: nowMs + schedule.delayMs(bytes, nowMs) };
        });
        for (const [from, { atMs: startMs }] of sent.entries()) {
          let sum = 0;
          for (const { bytes, atMs } of sent.slice(from)) {
            sum += bytes;
            expect(sum).toBeLessThanOrEqual(((atMs - startMs + 50) * rate) / 1000 + PIECE_BYTES + 1);
          }
        }
      }),
    );
  });

  it('reaches the cap while there is something to send', () => {
    const schedule = new ByteSchedule(MIB);
    let lastMs = 0;
    for (let piece = 0; piece < 160; piece++) lastMs = schedule.delayMs(PIECE_BYTES, 0);
    expect(lastMs).toBeCloseTo(159 * 62.5 - 50);
  });
});

describe('bodies that share a cap', () => {
  /** A clock that advances only while all callers sleep, to the earliest wake-up. */
  function simulatedTime(): Time & { run(): Promise<void> } {
    let nowMs = 0;
    const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
    return {
      now: () => nowMs,
      sleep: (ms) => new Promise((wake) => void sleepers.push({ atMs: nowMs + Math.floor(ms), wake })),
      async run() {
        for (;;) {
          // First lets all callers continue that do not sleep.
          await new Promise(setImmediate);
          sleepers.sort((a, b) => a.atMs - b.atMs);
          const next = sleepers.shift();
          if (next === undefined) return;
          nowMs = next.atMs;
          next.wake();
        }
      },
    };
  }

  it('have exactly the capped speed together, also within a body', async () => {
    const time = simulatedTime();
    const throttle = createThrottle(MIB, time);
    const sent: { readonly atMs: number; readonly bytes: number }[] = [];
    const bodies = Array.from({ length: 8 }, async () => {
      for await (const { length } of bodyPieces(new Uint8Array(MIB), PIECE_BYTES, NO_PROGRESS, throttle))
        sent.push({ atMs: time.now(), bytes: length });
    });
    await time.run();
    await Promise.all(bodies);
    for (const [from, { atMs: startMs }] of sent.entries()) {
      let sum = 0;
      for (const { bytes, atMs } of sent.slice(from)) {
        sum += bytes;
        // The credit of 50 ms, a piece, and 1 ms, as timers have whole milliseconds.
        expect(sum).toBeLessThanOrEqual(((atMs - startMs + 51) * MIB) / 1000 + PIECE_BYTES);
      }
    }
    expect(sent).toHaveLength(128);
    expect(sent.at(-1)?.atMs).toBeLessThanOrEqual(8000);
  });
});

describe('time-outs under a cap', () => {
  it('allow for a part on each connection at once', () => {
    const timeouts = cappedTimeouts(DEFAULT_TIMEOUTS, { bytesPerSecond: 64 * 1024, connections: 32 });
    expect(bodyMs(timeouts, MIB)).toBeGreaterThan(32 * 16_000);
  });

  it('are the defaults when the cap is high', () => {
    expect(cappedTimeouts(DEFAULT_TIMEOUTS, { bytesPerSecond: 1e9, connections: 32 })).toEqual(
      DEFAULT_TIMEOUTS,
    );
  });
});
