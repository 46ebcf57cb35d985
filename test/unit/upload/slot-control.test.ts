import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  initialSlots,
  nextSlots,
  type SlotBounds,
  type SlotState,
} from '../../../src/upload/slot-control.ts';
import { randomOf } from './random.ts';

interface Link {
  readonly latencyMs: number;
  /** Parts per second at most. */
  readonly capacity: number;
}

/** Throughput of a link with so many slots, in parts per second. */
const rateOf = ({ latencyMs, capacity }: Link, slots: number): number =>
  Math.min((slots * 1000) / (latencyMs + 1000 / capacity), capacity);

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
  let last = start.best.rate === undefined ? 0 : start.slots;
  const slots = Array.from({ length: windows }, () => {
    const before = state.slots;
    const rate = rateOf(link, before) * (1 + jitter * (2 * random() - 1));
    state = nextSlots(state, { rate, brief: before !== last });
    last = before;
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

  const anyWindow = fc.oneof(
    fc.record({ rate: fc.double({ min: 0, max: 1e12, noNaN: true }), brief: fc.boolean() }),
    fc.constant('overloaded' as const),
  );
  const anyState = fc
    .tuple(bounds, fc.array(anyWindow, { maxLength: 50 }))
    .map(([within, windows]) => windows.reduce(nextSlots, initialSlots(within)));

  it('stays a whole number within its bounds, whatever is measured', () => {
    fc.assert(
      fc.property(bounds, fc.array(anyWindow, { maxLength: 200 }), (within, windows) => {
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

  it('shrinks at each overload unless it is at the lower bound, whatever was measured before', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const { slots } = nextSlots(state, 'overloaded');
        if (state.slots === state.bounds.min) expect(slots).toBe(state.slots);
        else expect(slots).toBeLessThan(state.slots);
      }),
    );
  });

  it('never grows while all parts fail', () => {
    fc.assert(
      fc.property(anyState, fc.array(fc.boolean(), { maxLength: 50 }), (state, briefs) => {
        const { slots } = briefs.reduce((before, brief) => nextSlots(before, { rate: 0, brief }), state);
        expect(slots).toBeLessThanOrEqual(Math.max(state.slots, state.best.slots));
      }),
    );
  });

  it('grows in no trial whose throughput does not grow', () => {
    fc.assert(
      fc.property(
        anyState,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.boolean(),
        (state, share, brief) => {
          const { slots, best } = state;
          fc.pre(best.rate !== undefined && slots > best.slots);
          const after = nextSlots(state, { rate: share * (best.rate ?? 0), brief });
          expect(after.best).toEqual(best);
          expect(after.slots).toBe(brief ? slots : best.slots);
        },
      ),
    );
  });

  it.each([5, 20, 50, 100, 200])(
    'reaches 0.95 of the best fixed number within 16 windows at %d ms',
    (latencyMs) => {
      for (const capacity of [50, 150, 400, 2000]) {
        const link = { latencyMs, capacity };
        const { state } = drive(START, link, { windows: 16 });
        expect(shareOfBest(link, [state.best.slots]), `${capacity}/s`).toBeGreaterThan(0.95);
      }
    },
  );

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

  it('ends a trial after a brief window only if its result is clear', () => {
    const best = { slots: 8, rate: 100 };
    const trial = { ...START, best, slots: 16 };
    expect(nextSlots(trial, { rate: 149, brief: true })).toBe(trial);
    expect(nextSlots(trial, { rate: 50, brief: true })).toBe(trial);
    expect(nextSlots(trial, { rate: 150, brief: true })).toMatchObject({
      slots: 32,
      best: { slots: 16, rate: 150 },
    });
    const fewer = { ...START, best, slots: 6, growing: false, factor: 1.25 };
    expect(nextSlots(fewer, { rate: 88, brief: true })).toBe(fewer);
    expect(nextSlots(fewer, { rate: 87, brief: true })).toMatchObject({ slots: 8, best });
  });

  it('measures no brief window after a failed trial or an overload', () => {
    const failed = { ...START, best: { slots: 8, rate: 100 }, pauseLeft: 2 };
    expect(nextSlots(failed, { rate: 500, brief: true })).toBe(failed);
    const overloaded = nextSlots(START, 'overloaded');
    expect(nextSlots(overloaded, { rate: 500, brief: true })).toBe(overloaded);
  });

  it('returns to the best number and reverses the direction after a failed trial', () => {
    const best = { slots: 20, rate: 100 };
    const trial = { ...START, best, slots: 25, growing: true, factor: 1.25, pause: 4, pauseLeft: 0 };
    expect(nextSlots(trial, { rate: 101, brief: false })).toEqual({
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
    expect(nextSlots(trial, { rate: 99, brief: false })).toMatchObject({
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
