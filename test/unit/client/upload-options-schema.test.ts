import { expect, it } from 'vitest';
import type { UploadOptions } from '../../../src/client/upload-options.ts';
import { combinationProblems, parseUploadOptions } from '../../../src/client/upload-options-schema.ts';
import type { VodApi } from '../../../src/vod/wire/protocol.ts';

const parse = (options: object) =>
  parseUploadOptions({ source: '/videos/a.mp4', ...options } as UploadOptions);

const problemsOf = (options: object, allowPrivateWebhooks = false, api: VodApi = 'v2') =>
  combinationProblems(parse(options), { allowPrivateWebhooks, api });
const problemsOfApi3 = (options: object) => problemsOf(options, false, '2018-07-17');

const IN_2031 = '2031-01-01T00:00:00Z';

it('applies the defaults', () => {
  expect(parse({})).toEqual({
    ...{ source: '/videos/a.mp4', priority: 5, delay: 0 },
    ...{ onConflict: 'ignore', checkSource: true },
  });
});

it.each([
  [{ transcode: 'before' }, "transcode must be true, false or 'after'"],
  [{ waitFor: 'later' }, "waitFor must be 'uploaded' or 'transcoded'"],
  [{ transcodeTimeoutMs: 0 }, 'transcodeTimeoutMs must be at least 1'],
  [{ transcodeTimeoutMs: 8 * 24 * 3_600_000 }, 'transcodeTimeoutMs must be at most 7 days'],
  [{ transcodeTimeoutMs: '6h' }, 'transcodeTimeoutMs must be a whole number of milliseconds'],
  [{ rehash: 'yes' }, 'rehash must be true or false'],
  [{ priority: 11 }, 'priority must be from 1 (first) to 10 (last)'],
  [{ nmae: 'a' }, 'unknown option nmae'],
  [{ partSize: 1.5 }, 'partSize must be a whole number of bytes'],
  [{ partSize: '1m' }, 'partSize must be a whole number of bytes'],
  [{ hash: 1 }, 'hash must be true or false'],
  [{ procedure: ' ' }, 'procedure must not be empty or contain control characters'],
  [{ procedure: 'p'.repeat(129) }, 'procedure must be at most 128 characters'],
  [{ procedure: 7 }, 'procedure must be a string'],
  [{ storageRegion: 'Chongqing' }, 'storageRegion must be a region such as ap-chongqing'],
  [{ storageRegion: '' }, 'storageRegion must be a region such as ap-chongqing'],
  [{ sourceContext: '' }, 'sourceContext must not be empty or contain control characters'],
  [{ sourceContext: 'a\nb' }, 'sourceContext must not be empty or contain control characters'],
  [{ sourceContext: 's'.repeat(201) }, 'sourceContext must be at most 200 characters'],
  [{ storagePath: 'a.mp4' }, 'storagePath must be a path such as /2031/launch.mp4, and begin with /'],
  [{ storagePath: '/' }, 'storagePath must be a path such as /2031/launch.mp4, and begin with /'],
  [{ storagePath: '/a/' }, 'storagePath must be a path such as /2031/launch.mp4, and begin with /'],
  [{ storagePath: '/a//b' }, 'storagePath must be a path such as /2031/launch.mp4, and begin with /'],
  [{ storagePath: '/a\nb' }, 'storagePath must be a path such as /2031/launch.mp4, and begin with /'],
  [{ storagePath: '/a/../b' }, 'storagePath must not contain the segments . and ..'],
  [{ storagePath: '/a/..' }, 'storagePath must not contain the segments . and ..'],
  [{ storagePath: '/./a' }, 'storagePath must not contain the segments . and ..'],
  [{ storagePath: `/${'视'.repeat(300)}` }, 'storagePath must be at most 850 bytes'],
  [{ cover: '' }, 'cover must be the path of a file'],
  [{ cover: 7 }, 'cover must be the path of a file'],
  [{ expireTime: new Date(Date.UTC(10_000, 0)) }, 'expireTime must be at most 9999-12-31T23:59:59Z'],
  [{ expireTime: '9999-12-31T23:00:00-08:00' }, 'expireTime must be at most 9999-12-31T23:59:59Z'],
  [{ expireTime: '2031-01-01' }, 'expireTime must be a date, or a time in ISO 8601 with a time zone'],
  [
    { expireTime: '2031-01-01T00:00:00' },
    'expireTime must be a date, or a time in ISO 8601 with a time zone',
  ],
  [{ expireTime: 1_924_992_000_000 }, 'expireTime must be a date, or a time in ISO 8601 with a time zone'],
  [{ expireTime: new Date(Number.NaN) }, 'expireTime must be a date, or a time in ISO 8601 with a time zone'],
])('rejects %j', (options, message) => {
  expect(() => parse(options)).toThrow(message);
});

it.each([
  [{ waitFor: 'transcoded' }, /^waitFor can only be 'transcoded' when transcode is 'after'$/],
  [{ waitFor: 'transcoded', transcode: true }, /^waitFor can only/],
  [{ transcode: 'after', transcodeTimeoutMs: 5 }, /^transcodeTimeoutMs is only for waitFor 'transcoded'$/],
  [{ source: 'a.mp4', checkSource: false }, /^source must be an absolute path/],
  [{ webhookUrl: 'http://example.com/' }, /^webhookUrl must begin with https/],
  [{ partSize: 2_097_152 }, /^partSize must be 524288 or 1048576 \(512k or 1m\) with v2$/],
])('rejects the combination %j', (options, message) => {
  expect(problemsOf(options)).toEqual([expect.stringMatching(message)]);
});

it('accepts http webhooks where private addresses are allowed', () => {
  expect(problemsOf({ webhookUrl: 'http://10.0.0.1/' }, true)).toEqual([]);
});

it.each([
  [
    { transcode: 'after' },
    "transcode 'after' needs procedure with API 3.0: the name of a task flow in VOD's console",
  ],
  [{ cover: 'a.jpg', checkSource: false }, 'cover must be an absolute path when checkSource is false'],
  [{ cover: '/a.webp' }, /^cover \/a\.webp must have one of the extensions jpg, jpeg, png, .*, heif$/],
  [{ cover: '/jpg' }, /^cover \/jpg must have one of the extensions/],
  [{ partSize: 524_288 }, 'partSize must be 1048576 (1 MiB) to 5368709120 (5 GiB) with API 3.0'],
  [{ partSize: 5 * 2 ** 30 + 1 }, 'partSize must be 1048576 (1 MiB) to 5368709120 (5 GiB) with API 3.0'],
  [{ expireTime: '2020-01-01T00:00:00Z' }, 'expireTime must be later than the start of the upload'],
  [{ expireTime: new Date(0) }, 'expireTime must be later than the start of the upload'],
])('rejects %j with API 3.0', (options, message) => {
  const expected = typeof message === 'string' ? message : expect.stringMatching(message);
  expect(problemsOfApi3(options)).toEqual([expected]);
});

it('rejects a video that expires before its upload starts', () => {
  const expireTime = new Date(Date.now() + 3_600_000);
  expect(problemsOfApi3({ expireTime })).toEqual([]);
  expect(problemsOfApi3({ expireTime, delay: 7_200_000 })).toEqual([
    'expireTime must be later than the start of the upload',
  ]);
});

it.each([
  { procedure: '视频处理' },
  { procedure: 'LongVideoPreset', transcode: 'after', waitFor: 'transcoded' },
  { storageRegion: 'ap-guangzhou-2' },
  { expireTime: IN_2031 },
  { expireTime: '9999-12-31T23:59:59Z' },
  { expireTime: '2031-01-01T00:00:00.5+08:00' },
  { expireTime: new Date(IN_2031) },
  { sourceContext: 's'.repeat(200) },
  { storagePath: '/2031/..launch/视频.mp4' },
  { storagePath: `/${'a'.repeat(849)}` },
  { cover: 'poster.JPG' },
  { cover: '/poster.jpeg', checkSource: false },
  { partSize: 1_048_576 },
  { partSize: 5 * 2 ** 30 },
  { classId: 7 },
  { tags: [], transcode: false, screenshot: false, watermark: false },
])('accepts %j with API 3.0', (options) => {
  expect(problemsOfApi3(options)).toEqual([]);
});

it('names each option that the API lacks', () => {
  expect(problemsOfApi3({ tags: ['a'], transcode: true, watermark: true })).toEqual([
    expect.stringMatching(/^API 3\.0 has no tags: /),
    expect.stringMatching(/^API 3\.0 has no transcode: /),
    expect.stringMatching(/^API 3\.0 has no watermark: /),
  ]);
  expect(problemsOf({ procedure: 'P', transcode: 'after', cover: '/a.webp', expireTime: IN_2031 })).toEqual([
    expect.stringMatching(/^procedure is only for API 3\.0: /),
    expect.stringMatching(/^expireTime is only for API 3\.0: /),
    expect.stringMatching(/^cover is only for API 3\.0: /),
  ]);
  expect(problemsOfApi3({ procedure: 'P', transcode: 'after', screenshot: true })).toEqual([
    expect.stringMatching(/^API 3\.0 has no screenshot: /),
  ]);
});
