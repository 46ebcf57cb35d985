import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyPieces, PIECE_BYTES } from '../../../../src/vod/http/body-pieces.ts';
import { ByteSchedule, Throttle, type Time } from '../../../../src/vod/http/throttle.ts';

const MIB = 2 ** 20;

const NO_PROGRESS = { pieceWaits: () => {}, pieceStarted: () => {}, pieceSent: () => {}, bodySent: () => {} };

const wait = (schedule: ByteSchedule, bytes: number, nowMs: number): number => {
  const atMs = nowMs + schedule.waitMs(nowMs);
  schedule.add(bytes, atMs);
  return atMs;
};

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
          nowMs = wait(schedule, bytes, nowMs + laterMs);
          return { bytes, atMs: nowMs };
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
    for (let piece = 0; piece < 160; piece++) lastMs = wait(schedule, PIECE_BYTES, lastMs);
    expect(lastMs).toBeCloseTo(159 * 62.5 - 50);
  });

  it('has the new rate at once when that changes', () => {
    const schedule = new ByteSchedule(1000);
    schedule.add(1050, 0);
    expect(schedule.waitMs(0)).toBe(1000);
    schedule.setRate(4000, 500);
    expect(schedule.waitMs(500)).toBe(125);
    schedule.setRate(500, 500);
    expect(schedule.waitMs(500)).toBe(1000);
    schedule.setRate(Number.POSITIVE_INFINITY, 500);
    expect(schedule.waitMs(500)).toBe(0);
    schedule.add(1e9, 500);
    expect(schedule.waitMs(500)).toBe(0);
    schedule.setRate(1000, 600);
    expect(schedule.waitMs(600)).toBe(0);
    schedule.add(1050, 600);
    expect(schedule.waitMs(600)).toBe(1000);
  });
});

describe('bodies that share a cap', () => {
  /** A clock that advances only while all callers sleep, to the earliest wake-up. */
  function simulatedTime(): Time & { run(): Promise<void> } {
    let nowMs = 0;
    const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
    return {
      now: () => nowMs,
      sleep: (ms, signal) =>
        new Promise((wake, reject) => {
          const sleeper = { atMs: nowMs + Math.floor(ms), wake };
          sleepers.push(sleeper);
          signal.addEventListener('abort', () => {
            sleepers.splice(sleepers.indexOf(sleeper), 1);
            reject(signal.reason);
          });
        }),
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

  const pieceBytes = () => PIECE_BYTES;

  it('have exactly the capped speed together, also within a body', async () => {
    const time = simulatedTime();
    const throttle = new Throttle(MIB, time);
    const sent: { readonly atMs: number; readonly bytes: number }[] = [];
    const bodies = Array.from({ length: 8 }, async () => {
      for await (const { length } of bodyPieces(new Uint8Array(MIB), pieceBytes, NO_PROGRESS, (bytes) =>
        throttle.take(bytes),
      ))
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

  it('continue at another speed when the cap changes, also those that wait', async () => {
    const time = simulatedTime();
    const throttle = new Throttle(1000, time);
    const sent: number[] = [];
    const take = () => throttle.take(1000).then(() => void sent.push(time.now()));
    const bodies = Array.from({ length: 8 }, take);
    await new Promise(setImmediate);
    expect(sent).toEqual([0]);
    // The first piece is paid for at the new speed: 95 ms. The credit of 50 ms is used up.
    throttle.setRate(10_000);
    await time.run();
    await Promise.all(bodies);
    expect(sent).toEqual([0, 95, 195, 295, 395, 495, 595, 695]);

    const waiting = [take(), take(), take()];
    throttle.setRate(Number.POSITIVE_INFINITY);
    expect(throttle.isLimited).toBe(false);
    await Promise.all(waiting);
    expect(sent.slice(8)).toEqual([695, 695, 695]);
  });

  it('can stop to wait, and cost the others nothing', async () => {
    const time = simulatedTime();
    const throttle = new Throttle(1000, time);
    await throttle.take(1050);
    const [first, second] = [new AbortController(), new AbortController()];
    const aborted = [throttle.take(9999, first.signal), throttle.take(9999, second.signal)];
    const last = throttle.take(1).then(() => time.now());
    await new Promise(setImmediate);
    for (const one of [first, second]) one.abort(new Error('cancelled'));
    for (const one of aborted) await expect(one).rejects.toThrow('cancelled');
    await time.run();
    expect(await last).toBe(1000);
  });
});
