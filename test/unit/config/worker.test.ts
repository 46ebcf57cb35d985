import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { defaultSlotBounds } from '../../../src/config/worker.ts';
import { problemsOf } from './problems.ts';

test('PART_CONCURRENCY takes a number or a range', () => {
  expect(loadConfig({ PART_CONCURRENCY: '12' }).partConcurrency).toEqual({ min: 12, max: 12 });
  expect(loadConfig({ PART_CONCURRENCY: '4-64' }).partConcurrency).toEqual({ min: 4, max: 64 });
  for (const wrong of ['8-4', '0-4', '4-513', '4-', '-4', '4-8-16', '4 - 8', 'x']) {
    const problems = problemsOf(() => loadConfig({ PART_CONCURRENCY: wrong }));
    expect(problems, wrong).toEqual([expect.stringMatching(/^PART_CONCURRENCY must be .*4-32/)]);
  }
});

test('without PART_CONCURRENCY, the upper bound is lower where there is less memory', () => {
  const maxWith = (mebibytes: number) => defaultSlotBounds(mebibytes * 2 ** 20).max;
  expect(defaultSlotBounds(2 ** 34)).toEqual({ min: 4, max: 32 });
  expect([512, 320, 256, 128, 32].map(maxWith)).toEqual([32, 32, 25, 12, 4]);
});

test('MAX_BYTES_PER_SECOND takes bytes or units, and no rate that is too low for a part', () => {
  const none = Number.POSITIVE_INFINITY;
  expect(loadConfig({}).maxBytesPerSecond).toEqual({ process: none, total: none });
  const env = { MAX_BYTES_PER_SECOND: '65536', MAX_BYTES_PER_SECOND_TOTAL: '20M' };
  expect(loadConfig(env).maxBytesPerSecond).toEqual({ process: 65_536, total: 20_971_520 });
  expect(loadConfig({ MAX_BYTES_PER_SECOND: 'unlimited' }).maxBytesPerSecond.process).toBe(none);
  expect(problemsOf(() => loadConfig({ MAX_BYTES_PER_SECOND: '65535' }))).toEqual([
    'MAX_BYTES_PER_SECOND must be bytes per second such as 20M or 512K, at least 64K, or unlimited',
  ]);
});

test('KEEP_… sets days and numbers of finished uploads', () => {
  expect(loadConfig({}).keep).toEqual({
    completed: { ageSeconds: 604_800, count: 10_000 },
    failed: { ageSeconds: 2_592_000, count: 10_000 },
  });
  const env = { KEEP_COMPLETED_DAYS: '1', KEEP_FAILED_COUNT: '5' };
  expect(loadConfig(env).keep).toMatchObject({ completed: { ageSeconds: 86_400 }, failed: { count: 5 } });
});

test('SOURCE_ROOTS is split at its colons', () => {
  expect(loadConfig({ SOURCE_ROOTS: '/srv/videos:clips:' }).sourceRoots).toEqual([
    '/srv/videos',
    'clips',
    '',
  ]);
  expect(loadConfig({ SOURCE_ROOTS: '' }).sourceRoots).toBeUndefined();
});
