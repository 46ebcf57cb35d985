import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SlotBounds, SlotControl } from '../../../src/upload/slot-control.ts';

interface Link {
  readonly latencyMs: number;
  /** Parts a second that it takes at most. */
  readonly capacity: number;
}

/** What so many slots get through a link, in parts a second. */
const rateOf = ({ latencyMs, capacity }: Link, slots: number): number =>
  Math.min((slots * 1000) / (latencyMs + 1000 / capacity), capacity);

/** Random numbers from 0 to 1, always the same ones for a seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Drives the control over a link; each window's throughput is off by up to `jitter`. @returns slots window by window */
function drive(
  control: SlotControl,
  link: Link,
  { windows, jitter = 0, random = () => 0.5 }: { windows: number; jitter?: number; random?: () => number },
): number[] {
  return Array.from({ length: windows }, () => {
    const { slots } = control;
    control.measured(rateOf(link, slots) * (1 + jitter * (2 * random() - 1)));
    return slots;
  });
}

const BOUNDS: SlotBounds = { min: 4, max: 64 };
/** What the windows of a drive get through on average, as a share of what the best fixed number would. */
function shareOfBest(link: Link, slots: readonly number[]): number {
  const mean = slots.reduce((sum, count) => sum + rateOf(link, count), 0) / slots.length;
  return mean / Math.max(...[4, 8, 16, 32, 64].map((count) => rateOf(link, count)));
}

describe('the number of part slots', () => {
  const bounds = fc
    .tuple(fc.integer({ min: 1, max: 512 }), fc.integer({ min: 1, max: 512 }))
    .map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }));

  it('stays a whole number within its bounds, whatever is measured', () => {
    const event = fc.oneof(fc.double({ min: 0, max: 1e12, noNaN: true }), fc.constant('strained' as const));
    fc.assert(
      fc.property(bounds, fc.array(event, { maxLength: 200 }), (within, events) => {
        const control = new SlotControl(within);
        for (const happened of events) {
          if (happened === 'strained') control.strained();
          else control.measured(happened);
          expect(Number.isInteger(control.slots)).toBe(true);
          expect(control.slots).toBeGreaterThanOrEqual(within.min);
          expect(control.slots).toBeLessThanOrEqual(within.max);
        }
      }),
    );
  });

  it.each([5, 20, 50, 100, 200])(
    'gets 0.9 of the best fixed number at %d ms, soon and for good',
    (latencyMs) => {
      for (const capacity of [50, 150, 400, 2000]) {
        for (let seed = 1; seed <= 20; seed++) {
          const control = new SlotControl(BOUNDS);
          const random = randomOf(seed);
          const link = { latencyMs, capacity };
          drive(control, link, { windows: 12, jitter: 0.01, random });
          const later = drive(control, link, { windows: 100, jitter: 0.01, random });
          expect(shareOfBest(link, later), `${capacity}/s, seed ${seed}`).toBeGreaterThan(0.9);
        }
      }
    },
  );

  it('doubles while throughput doubles', () => {
    const control = new SlotControl(BOUNDS);
    const slots = drive(control, { latencyMs: 200, capacity: 1e6 }, { windows: 4 });
    expect(slots).toEqual([8, 16, 32, 64]);
  });

  it('does not grow for nothing on a full line', () => {
    const control = new SlotControl(BOUNDS);
    const link = { latencyMs: 20, capacity: 100 };
    drive(control, link, { windows: 20, jitter: 0.02, random: randomOf(3) });
    const slots = drive(control, link, { windows: 200, jitter: 0.02, random: randomOf(4) });
    expect(slots.toSorted((a, b) => a - b)[100]).toBeLessThanOrEqual(8);
  });

  it('follows a line that becomes slower, or faster, in between', () => {
    const control = new SlotControl(BOUNDS);
    for (const link of [
      { latencyMs: 5, capacity: 300 },
      { latencyMs: 200, capacity: 300 },
      { latencyMs: 200, capacity: 50 },
      { latencyMs: 100, capacity: 1000 },
    ]) {
      drive(control, link, { windows: 20 });
      expect(shareOfBest(link, drive(control, link, { windows: 60 }))).toBeGreaterThan(0.9);
    }
  });

  it('shrinks at each strain down to the lower bound, and grows again afterwards', () => {
    const control = new SlotControl(BOUNDS);
    const link = { latencyMs: 200, capacity: 1e6 };
    drive(control, link, { windows: 5 });
    const before = control.slots;
    control.strained();
    expect(control.slots).toBeLessThan(before);
    for (let times = 0; times < 10; times++) control.strained();
    expect(control.slots).toBe(BOUNDS.min);
    drive(control, link, { windows: 40 });
    expect(control.slots).toBeGreaterThan(32);
  });

  it('is the same for ever when both bounds are', () => {
    const control = new SlotControl({ min: 12, max: 12 });
    expect(new Set(drive(control, { latencyMs: 50, capacity: 1e6 }, { windows: 50 }))).toEqual(new Set([12]));
  });
});
