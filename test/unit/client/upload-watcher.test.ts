import { expect, it } from 'vitest';
import { pollIntervalMs } from '../../../src/client/upload-watcher.ts';

it('polls few uploads every 2 s, and many uploads at most 50 times a second in total', () => {
  expect([1, 10, 100].map(pollIntervalMs)).toEqual([2000, 2000, 2000]);
  for (const followed of [101, 1500, 100_000]) {
    expect((followed * 1000) / pollIntervalMs(followed)).toBe(50);
  }
});
