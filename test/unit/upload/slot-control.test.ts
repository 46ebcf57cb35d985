import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  initialSlots,
  nextSlots,
  type SlotBounds,
  type SlotState,
} from '../../../src/upload/slot-control.ts';

interface Link {
  readonly latencyMs: number;
  /** Parts per second at most. */
  readonly capacity: number;
}

/** Throughput of a link with so many slots, in parts per second. */
const rateOf = ({ latencyMs, capacity }: Link, slots: number): number =>
  Math.min((slots * 1000) / (latencyMs + 1000 / capacity), capacity);

/** Random numbers from 0 to 1, the same ones for each seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Measures a number of windows on a link, each with an error of up to `jitter`.
 * @returns the state afterwards, and the slots of each window
 */
function drive(
  start: SlotState,
  link: Link,
  { windows, jitter = 0, random = () => 0.5 }: { windows: number; jitter?: number; random?: () => number },
): { state: SlotState; slots: number[] } {
  let state = start;
  const slots = Array.from({ length: windows }, () => {
    const before = state.slots;
    state = nextSlots(state, { rate: rateOf(link, before) * (1 + jitter * (2 * random() - 1)) });
    return before;
  });
  return { state, slots };
}

const BOUNDS: SlotBounds = { min: 4, max: 64 };
const START = initialSlots(BOUNDS);

/** Average throughput of some windows as a share of what the best fixed number of slots reaches. */
function shareOfBest(link: Link, slots: readonly number[]): number {
  const mean = slots.reduce((sum, count) => sum + rateOf(link, count), 0) / slots.length;
  return mean / Math.max(...[4, 8, 16, 32, 64].map((count) => rateOf(link, count)));
}

describe('the number of part slots', () => {
  const bounds = fc
    .tuple(fc.integer({ min: 1, max: 512 }), fc.integer({ min: 1, max: 512 }))
    .map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }));

  it('stays a whole number within its bounds, whatever is measured', () => {
    const window = fc.oneof(
      fc.double({ min: 0, max: 1e12, noNaN: true }).map((rate) => ({ rate })),
      fc.constant('overloaded' as const),
    );
    fc.assert(
      fc.property(bounds, fc.array(window, { maxLength: 200 }), (within, windows) => {
        let state = initialSlots(within);
        for (const window of windows) {
          state = nextSlots(state, window);
          expect(Number.isInteger(state.slots)).toBe(true);
          expect(state.slots).toBeGreaterThanOrEqual(within.min);
          expect(state.slots).toBeLessThanOrEqual(within.max);
        }
      }),
    );
  });

  it.each([5, 20, 50, 100, 200])(
    'reaches 0.9 of the best fixed number at %d ms, soon and permanently',
    (latencyMs) => {
      for (const capacity of [50, 150, 400, 2000]) {
        for (let seed = 1; seed <= 20; seed++) {
          const random = randomOf(seed);
          const link = { latencyMs, capacity };
          const { state } = drive(START, link, { windows: 12, jitter: 0.01, random });
          const { slots } = drive(state, link, { windows: 100, jitter: 0.01, random });
          expect(shareOfBest(link, slots), `${capacity}/s, seed ${seed}`).toBeGreaterThan(0.9);
        }
      }
    },
  );

  it('doubles while throughput doubles', () => {
    const { slots } = drive(START, { latencyMs: 200, capacity: 1e6 }, { windows: 4 });
    expect(slots).toEqual([8, 16, 32, 64]);
  });

  it('does not grow without a gain when the link is full', () => {
    const link = { latencyMs: 20, capacity: 100 };
    const { state } = drive(START, link, { windows: 20, jitter: 0.02, random: randomOf(3) });
    const { slots } = drive(state, link, { windows: 200, jitter: 0.02, random: randomOf(4) });
    expect(slots.toSorted((a, b) => a - b)[100]).toBeLessThanOrEqual(8);
  });

  it('adapts to a link that becomes slower or faster', () => {
    let state = START;
    for (const link of [
      { latencyMs: 5, capacity: 300 },
      { latencyMs: 200, capacity: 300 },
      { latencyMs: 200, capacity: 50 },
      { latencyMs: 100, capacity: 1000 },
    ]) {
      const settled = drive(state, link, { windows: 20 });
      const later = drive(settled.state, link, { windows: 60 });
      expect(shareOfBest(link, later.slots)).toBeGreaterThan(0.9);
      state = later.state;
    }
  });

  it('shrinks at each overload down to the minimum, and grows again afterwards', () => {
    const link = { latencyMs: 200, capacity: 1e6 };
    const { state } = drive(START, link, { windows: 5 });
    let overloaded = nextSlots(state, 'overloaded');
    expect(overloaded.slots).toBeLessThan(state.slots);
    for (let times = 0; times < 10; times++) overloaded = nextSlots(overloaded, 'overloaded');
    expect(overloaded.slots).toBe(BOUNDS.min);
    expect(drive(overloaded, link, { windows: 40 }).state.slots).toBeGreaterThan(32);
  });

  it('returns to the best number and reverses the direction after a failed trial', () => {
    const best = { slots: 20, rate: 100 };
    const trial = { ...START, best, slots: 25, growing: true, factor: 1.25, pause: 4, pauseLeft: 0 };
    expect(nextSlots(trial, { rate: 101 })).toEqual({
      ...trial,
      slots: 20,
      growing: false,
      pauseLeft: 4,
      pause: 8,
    });
  });

  it('keeps fewer slots when they are as fast', () => {
    const best = { slots: 20, rate: 100 };
    const trial = { ...START, best, slots: 16, growing: false, factor: 1.25, pause: 4 };
    expect(nextSlots(trial, { rate: 99 })).toMatchObject({
      slots: 12,
      best: { slots: 16, rate: 99 },
      pause: 2,
    });
  });

  it('never changes when both bounds are the same', () => {
    const { slots } = drive(
      initialSlots({ min: 12, max: 12 }),
      { latencyMs: 50, capacity: 1e6 },
      { windows: 50 },
    );
    expect(new Set(slots)).toEqual(new Set([12]));
  });
});
