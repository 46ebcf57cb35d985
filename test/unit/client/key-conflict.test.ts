import { expect, it } from 'vitest';
import { describeConflict, differingOptions } from '../../../src/client/key-conflict.ts';
import { toUploadData } from '../../../src/client/upload-job.ts';
import type { UploadOptions } from '../../../src/client/upload-options.ts';
import { parseUploadOptions } from '../../../src/client/upload-options-schema.ts';
import type { VodApi } from '../../../src/vod/wire/protocol.ts';

const source = '/videos/a.mp4';
const size = 10;
const dataOf = (options: Partial<UploadOptions>, api: VodApi = 'v2') => {
  const parsed = parseUploadOptions({ source, ...options });
  return toUploadData(parsed, { source, cover: parsed.cover, name: 'a', type: 'mp4', size }, api);
};
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

it.each<Partial<UploadOptions>>([
  { procedure: 'LongVideoPreset' },
  { storageRegion: 'ap-chongqing' },
  { expireTime: '2031-01-01T00:00:00Z' },
  { sourceContext: 'order 7' },
  { storagePath: '/2031/a.mp4' },
  { cover: '/videos/a.jpg' },
  { hash: true },
  { partSize: 16_777_216 },
])('compares %j', (options) => {
  const without = dataOf({}, '2018-07-17');
  const data = dataOf(options, '2018-07-17');
  expect(differingOptions(data, dataOf(options, '2018-07-17'))).toEqual([]);
  expect(differingOptions(without, data)).toEqual(Object.keys(options));
  expect(differingOptions(data, without)).toEqual(Object.keys(options));
});

it('treats hash: false as absent, and the same time in another zone as equal', () => {
  expect(differingOptions(dataOf({}), dataOf({ hash: false }))).toEqual([]);
  const [utc, cest] = ['2031-07-01T10:00:00Z', '2031-07-01T12:00:00+02:00'] as const;
  expect(differingOptions(dataOf({ expireTime: utc }), dataOf({ expireTime: cest }))).toEqual([]);
});

it('finds a task flow wherever it is stored', () => {
  const [now, after] = [dataOf({ procedure: 'P' }), dataOf({ procedure: 'P', transcode: 'after' })];
  expect(differingOptions(now, after)).toEqual(['transcode']);
});

it('describes a conflict in words', () => {
  expect(describeConflict('k', ['file', 'tags'])).toBe(
    'key "k" was added before, and differs in: the file itself, tags',
  );
});
