import { expect, it } from 'vitest';
import { batches, partJobs } from '../../../src/flow/part-jobs.ts';
import { encodeMd5s } from '../../../src/flow/planned-parts.ts';
import type { SendValue } from '../../../src/queue/jobs/init.ts';

const MIB = 1_048_576;
const init: SendValue = { kind: 'send', partSize: MIB, missing: [[1, 3]] };

const all = { isExcluded: () => false, limit: Number.POSITIVE_INFINITY };

it('partJobs gives the missing parts, except some', () => {
  expect(partJobs(init, 3 * MIB + 5, { ...all, isExcluded: (index) => index === 2 })).toEqual([
    { index: 1, data: { partSize: MIB, offset: MIB, dataSize: MIB } },
    { index: 3, data: { partSize: MIB, offset: 3 * MIB, dataSize: 5 } },
  ]);
});

it('partJobs gives the MD5 of a part to compare', () => {
  const md5 = 'b'.repeat(32);
  const [first] = partJobs({ ...init, listedMd5s: encodeMd5s([md5]) }, 4 * MIB, all);
  expect(first).toEqual({ index: 0, data: { partSize: MIB, offset: 0, dataSize: MIB, listedMd5: md5 } });
});

it('partJobs gives the first parts, and excluded ones do not count', () => {
  const jobs = partJobs(init, 4 * MIB, { isExcluded: (index) => index === 1, limit: 1 });
  expect(jobs.map(({ index }) => index)).toEqual([2]);
});

it('partJobs looks only at the parts before the last one that it gives', () => {
  const looked: number[] = [];
  const isExcluded = (index: number): boolean => looked.push(index) <= 10;
  const huge: SendValue = { ...init, missing: [[50_000, 199_999]], sent: [[0, 49_999]] };
  const jobs = partJobs(huge, 200_000 * MIB, { isExcluded, limit: 20 });
  expect([jobs[0]?.index, jobs.at(-1)?.index, looked.length]).toEqual([50_010, 50_029, 30]);
});

it('batches groups items, the last batch being smaller', () => {
  expect([...batches([1, 2, 3, 4, 5], 2)]).toEqual([[1, 2], [3, 4], [5]]);
  expect([...batches([1, 2], 2)]).toEqual([[1, 2]]);
  expect([...batches([], 2)]).toEqual([]);
});
