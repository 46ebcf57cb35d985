import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admitsFanOut, rateWindow, scaleHoldMs, steadyRate } from '../../../src/quota/limits.ts';

/** The most jobs that can start in any minute: windows open back to back, each starts all its jobs at once. */
function worstMinute({ max, windowMs }: { max: number; windowMs: number }, minuteMs = 60_000): number {
  return (Math.floor(minuteMs / windowMs) + 1) * max;
}

describe('rateWindow', () => {
  it('keeps any sliding minute within the quota, for every quota', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (quota) => {
        expect(worstMinute(rateWindow(quota))).toBeLessThanOrEqual(quota);
        expect(worstMinute(rateWindow(quota, 6000), 6000)).toBeLessThanOrEqual(quota);
      }),
    );
  });

  it('leaves at least 96 % of the quotas of the service usable', () => {
    for (const quota of [100, 1000, 10_000]) {
      const { max, windowMs } = rateWindow(quota);
      expect((60_000 / windowMs) * max).toBeGreaterThan(0.96 * quota);
    }
  });

  it('for quota 0 is practically unlimited, but a limit, so that a quota error can hold the queue', () => {
    expect(rateWindow(0)).toEqual({ max: 1_000_000_000, windowMs: 1000 });
  });
});

describe('steadyRate', () => {
  it('keeps any minute within the quota, for every quota', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.constantFrom(1000, 60_000),
        (quota, minuteMs) => {
          const mostInAMinute = Math.floor((steadyRate(quota, minuteMs) * minuteMs) / 1000) + 1;
          expect(mostInAMinute).toBeLessThanOrEqual(quota);
        },
      ),
    );
  });

  it('leaves at least 96 % of the quota usable', () => {
    expect(steadyRate(1000) * 60).toBeGreaterThan(0.96 * 1000);
  });
});

describe('scaleHoldMs', () => {
  it('scales with the service’s minute', () => {
    expect([scaleHoldMs(15_000, 60_000), scaleHoldMs(15_000, 1000)]).toEqual([15_000, 250]);
  });
});

describe('admitsFanOut', () => {
  it('admits large uploads up to the limit, and small ones up to twice that', () => {
    expect(admitsFanOut(9_999, 10_240)).toBe(true);
    expect(admitsFanOut(10_000, 10_240)).toBe(false);
    expect(admitsFanOut(10_000, 65)).toBe(false);
    expect(admitsFanOut(19_999, 64)).toBe(true);
    expect(admitsFanOut(20_000, 1)).toBe(false);
  });
});
