import { expect, it } from 'vitest';
import { lookAgainMs } from '../../../src/client/watch.ts';

it('looks at few uploads often without an event, and at all of many no more than 50 times a second', () => {
  expect([1, 10, 100].map(lookAgainMs)).toEqual([2000, 2000, 2000]);
  for (const followed of [101, 1500, 100_000]) {
    expect((followed * 1000) / lookAgainMs(followed)).toBe(50);
  }
});
