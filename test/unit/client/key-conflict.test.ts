import { expect, it } from 'vitest';
import { describeConflict, differingOptions } from '../../../src/client/key-conflict.ts';
import { toUploadData } from '../../../src/client/upload-job.ts';
import type { UploadOptions } from '../../../src/client/upload-options.ts';
import { parseUploadOptions } from '../../../src/client/upload-options-schema.ts';

const source = '/videos/a.mp4';
const size = 10;
const dataOf = (options: Partial<UploadOptions>) =>
  toUploadData(parseUploadOptions({ source, ...options }), { source, name: 'a', type: 'mp4', size });
const version = (bytes: number) => ({ ...{ inode: '1', mtimeNs: '1', ctimeNs: '1' }, size: bytes });

it('treats an option that is absent and one with its default as equal', () => {
  const defaults = { transcode: false, screenshot: false, watermark: false, tags: [], priority: 5 } as const;
  expect(differingOptions(dataOf({}), dataOf(defaults))).toEqual([]);
});

it('lists the options that differ, and a modified file first', () => {
  const requested = dataOf({ tags: ['b'], transcode: 'after' });
  expect(differingOptions(dataOf({}), requested)).toEqual(['tags', 'transcode']);
  expect(differingOptions(dataOf({}), requested, version(size))).toEqual(['tags', 'transcode']);
  expect(differingOptions(dataOf({}), requested, version(11))).toEqual(['file', 'tags', 'transcode']);
});

it('compares flags wherever they are stored', () => {
  const withInit = dataOf({ transcode: true, screenshot: true });
  const after = dataOf({ transcode: 'after', screenshot: true });
  expect(differingOptions(withInit, after)).toEqual(['transcode']);
});

it('describes a conflict in words', () => {
  expect(describeConflict('k', ['file', 'tags'])).toBe(
    'key "k" was added before, and differs in: the file itself, tags',
  );
});
