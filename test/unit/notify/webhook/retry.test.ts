import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { webhookAttempts, webhookDelayMs } from '../../../../src/notify/webhook/retry.ts';

const HOUR_MS = 3_600_000;

describe('the delay between attempts', () => {
  it('doubles up to an hour, ± 20 %', () => {
    const middle = (attempt: number): number => webhookDelayMs(attempt, { baseMs: 1000 }, () => 0.5);
    expect([1, 2, 3, 12, 13, 40, 1000].map(middle)).toEqual([
      1000,
      2000,
      4000,
      2_048_000,
      HOUR_MS,
      HOUR_MS,
      HOUR_MS,
    ]);
    expect(webhookDelayMs(1, { baseMs: 1000 }, () => 0)).toBe(800);
    expect(webhookDelayMs(1, { baseMs: 1000 }, () => 1 - Number.EPSILON)).toBe(1200);
  });

  it('is at least the delay that the receiver asks for', () => {
    expect(webhookDelayMs(1, { baseMs: 1000, retryAfterMs: 5000 }, () => 0.5)).toBe(5000);
    expect(webhookDelayMs(9, { baseMs: 1000, retryAfterMs: 5000 }, () => 0.5)).toBe(256_000);
  });

  it('adds up to the requested hours', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 720 }), fc.integer({ min: 1, max: 60_000 }), (hours, baseMs) => {
        const attempts = webhookAttempts(hours, baseMs);
        let ms = 0;
        for (let attempt = 1; attempt < attempts; attempt++)
          ms += webhookDelayMs(attempt, { baseMs }, () => 0.5);
        expect(ms).toBeGreaterThanOrEqual(hours * HOUR_MS);
        expect(ms).toBeLessThan((hours + 1) * HOUR_MS);
      }),
    );
    expect(webhookAttempts(0, 1000)).toBe(1);
    expect(webhookAttempts(24, 1000)).toBe(36);
  });
});
