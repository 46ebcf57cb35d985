import { describe, expect, it } from 'vitest';
import { admitsFanOut, scaleHoldMs } from '../../../src/quota/limits.ts';

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
