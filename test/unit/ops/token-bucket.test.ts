import { expect, test } from 'vitest';
import { TokenBucket } from '../../../src/ops/token-bucket.ts';

test('lets a burst through, then so many a second, and no more after a long pause', () => {
  let now = 0;
  const allowance = new TokenBucket({ perSecond: 20, burst: 5, now: () => now });
  const taken = (tries: number): number =>
    Array.from({ length: tries }, () => allowance.take()).filter(Boolean).length;
  expect(taken(10)).toBe(5);
  now += 49;
  expect(taken(1)).toBe(0);
  now += 1;
  expect(taken(2)).toBe(1);
  now += 3_600_000;
  expect(taken(10)).toBe(5);
});
