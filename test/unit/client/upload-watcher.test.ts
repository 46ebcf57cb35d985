import { expect, it } from 'vitest';
import { pollIntervalMs } from '../../../src/client/upload-watcher.ts';

it('looks at few uploads often without an event, and at all of many no more than 50 times a second', () => {
  expect([1, 10, 100].map(pollIntervalMs)).toEqual([2000, 2000, 2000]);
  for (const followed of [101, 1500, 100_000]) {
    expect((followed * 1000) / pollIntervalMs(followed)).toBe(50);
  }
});
