import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { backoffDelayMs } from '../../../src/queue/backoff.ts';

describe('backoffDelayMs', () => {
  it('doubles its ceiling from the base up to the cap', () => {
    const options = { baseMs: 1000, maxMs: 120_000 };
    const ceilings = [1, 2, 3, 7, 8, 60].map((attempt) => backoffDelayMs(attempt, options, () => 1));
    expect(ceilings).toEqual([1000, 2000, 4000, 64_000, 120_000, 120_000]);
    expect(backoffDelayMs(3, options, () => 0.25)).toBe(1000);
    expect(backoffDelayMs(3, options, () => 0)).toBe(0);
  });

  it('stays a sane number for any attempt', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (attempt, random) => {
          const delay = backoffDelayMs(attempt, { baseMs: 7, maxMs: 5000 }, () => random);
          expect(Number.isInteger(delay) && delay >= 0 && delay <= 5000).toBe(true);
        },
      ),
    );
  });

  it('rides out a 30-minute outage with the defaults, part for part of a 10 GiB film', () => {
    const { backoffBaseMs: baseMs, backoffMaxMs: maxMs, partAttempts } = loadConfig({});
    // A linear congruential generator, so that the outcome is the same on every run.
    let state = 12345;
    const random = (): number => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state / 2 ** 31;
    };
    let shortestMs = Number.POSITIVE_INFINITY;
    for (let part = 0; part < 10_240; part++) {
      let spanMs = 0;
      for (let attempt = 1; attempt < partAttempts; attempt++)
        spanMs += backoffDelayMs(attempt, { baseMs, maxMs }, random);
      shortestMs = Math.min(shortestMs, spanMs);
    }
    expect(shortestMs).toBeGreaterThan(30 * 60_000);
  });
});
