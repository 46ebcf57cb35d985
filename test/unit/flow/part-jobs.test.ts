import { expect, it } from 'vitest';
import { batches, partJobs } from '../../../src/flow/part-jobs.ts';
import { encodeMd5s } from '../../../src/flow/planned-parts.ts';
import type { SendValue } from '../../../src/queue/jobs/init.ts';

const MIB = 1_048_576;
const init: SendValue = { kind: 'send', partSize: MIB, missing: [[1, 3]] };

it('partJobs gives the missing parts without those that are done', () => {
  expect([...partJobs(init, 3 * MIB + 5, new Set([2]))]).toEqual([
    { index: 1, data: { partSize: MIB, offset: MIB, dataSize: MIB } },
    { index: 3, data: { partSize: MIB, offset: 3 * MIB, dataSize: 5 } },
  ]);
});

it('partJobs gives the MD5 of a part to compare', () => {
  const md5 = 'b'.repeat(32);
  const [first] = partJobs({ ...init, listedMd5s: encodeMd5s([md5]) }, 4 * MIB, new Set());
  expect(first).toEqual({ index: 0, data: { partSize: MIB, offset: 0, dataSize: MIB, listedMd5: md5 } });
});

it('batches groups items, the last batch being smaller', () => {
  expect([...batches([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
  expect([...batches([1, 2], 2)]).toEqual([[1, 2]]);
  expect([...batches([], 2)]).toEqual([]);
});
