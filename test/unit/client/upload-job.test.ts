import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  nameAndType,
  toUploadData,
  toUploadJob,
  type UploadJob,
  type WorkerRules,
} from '../../../src/client/upload-job.ts';
import { InvalidUploadError, type UploadOptions } from '../../../src/client/upload-options.ts';
import { parseUploadOptions } from '../../../src/client/upload-options-schema.ts';
import { SCHEMA_VERSION } from '../../../src/queue/jobs/schema.ts';
import { parseUploadData } from '../../../src/queue/jobs/upload.ts';
import type { VodApi } from '../../../src/vod/wire/protocol.ts';

const HOUR_MS = 3_600_000;

const jobOf = (options: Partial<UploadOptions>, rules: Partial<WorkerRules> = {}) =>
  toUploadJob(
    { source: '/videos/a.mp4', checkSource: false, ...options },
    { api: 'v2', allowPrivateWebhooks: false, ...rules },
  );

const dataOf = (options: Partial<UploadOptions>, api: VodApi = 'v2') =>
  toUploadData(
    parseUploadOptions({ source: '/videos/a.mp4', ...options }),
    { source: '/videos/a.mp4', name: 'a', type: 'mp4', size: undefined },
    api,
  );

const API3 = '2018-07-17';
const dir = mkdtempSync(join(tmpdir(), 'upload-job-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** A file of this many bytes, all zero. */
const fileOf = (name: string, bytes: number): string => {
  const path = join(dir, name);
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
};

describe('toUploadData', () => {
  it('passes the flags to InitUpload with transcode: true', () => {
    const { video, transcoding } = dataOf({ transcode: true, screenshot: true, watermark: false });
    expect(video).toMatchObject({ transcode: true, screenshot: true, watermark: false });
    expect(transcoding).toBeUndefined();
  });

  it("moves the flags to the later request with transcode: 'after'", () => {
    const { video, transcoding } = dataOf({ transcode: 'after', screenshot: true, watermark: false });
    for (const flag of ['transcode', 'screenshot', 'watermark']) expect(video).not.toHaveProperty(flag);
    expect(transcoding).toEqual({ screenshot: true, watermark: false });
  });

  it("sets a timeout only with waitFor: 'transcoded', 6 hours by default", () => {
    const after = { transcode: 'after', waitFor: 'transcoded' } as const;
    expect(dataOf(after).transcoding).toEqual({ timeoutMs: 6 * HOUR_MS });
    expect(dataOf({ ...after, transcodeTimeoutMs: 7 }).transcoding).toEqual({ timeoutMs: 7 });
    expect(dataOf({ transcode: 'after', waitFor: 'uploaded' }).transcoding).toEqual({});
  });

  it('runs a task flow after the upload, or with it', () => {
    expect(dataOf({ procedure: 'P' }, API3)).toMatchObject({ video: { procedure: 'P' } });
    expect(dataOf({ procedure: 'P' }, API3)).not.toHaveProperty('transcoding');
    const { video, transcoding } = dataOf(
      { procedure: 'P', transcode: 'after', waitFor: 'transcoded' },
      API3,
    );
    expect(video).not.toHaveProperty('procedure');
    expect(transcoding).toEqual({ procedure: 'P', timeoutMs: 6 * HOUR_MS });
  });

  it('stores the options of API 3.0, and the time as ApplyUpload takes it', () => {
    const given = { storageRegion: 'ap-chongqing', sourceContext: 'order 7', storagePath: '/a/b.mp4' };
    const data = dataOf({ ...given, hash: true, expireTime: '2031-01-01T08:00:00+08:00' }, API3);
    expect(data.hash).toBe(true);
    expect(data.video).toStrictEqual({
      ...{ name: 'a', type: 'mp4' },
      ...given,
      expireTime: '2031-01-01T00:00:00Z',
    });
    expect(parseUploadData(data)).toEqual(data);
  });

  it('leaves out the milliseconds of a time', () => {
    const { video } = dataOf({ expireTime: new Date('2031-01-01T00:00:00.999Z') }, API3);
    expect(video.expireTime).toBe('2031-01-01T00:00:00Z');
  });

  it('contains hash only if it is true', () => {
    expect(dataOf({ hash: false })).not.toHaveProperty('hash');
  });

  it('leaves the part size to the workers with API 3.0', () => {
    expect(dataOf({}).video.partSize).toBe(1_048_576);
    expect(dataOf({}, API3).video).not.toHaveProperty('partSize');
    expect(dataOf({ partSize: 16_777_216 }, API3).video.partSize).toBe(16_777_216);
  });

  it('contains rehash only if it is true', () => {
    expect(dataOf({ rehash: true }).rehash).toBe(true);
    for (const options of [{}, { rehash: false }]) expect(dataOf(options)).not.toHaveProperty('rehash');
  });

  it('contains no undefined properties', () => {
    const { nonce, ...data } = dataOf({});
    expect(nonce).not.toBe('');
    expect(data).toStrictEqual({
      schema: SCHEMA_VERSION,
      source: '/videos/a.mp4',
      video: { name: 'a', type: 'mp4', partSize: 1_048_576 },
      priority: 5,
    });
  });
});

it('workers can parse whatever add accepts', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 250 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  );
  const path = fc.oneof(
    text,
    text.map((name) => `/${name}.jpg`),
  );
  const times = { min: new Date('2020-01-01'), max: new Date('+011000-01-01') };
  const option = fc.oneof(
    text.map((procedure) => ({ procedure })),
    fc.stringMatching(/^[a-z]{1,20}(-[a-z0-9]{1,20}){0,3}$/).map((storageRegion) => ({ storageRegion })),
    fc.date(times).map((expireTime) => ({ expireTime })),
    fc.date({ ...times, noInvalidDate: true }).map((date) => ({ expireTime: date.toISOString() })),
    text.map((sourceContext) => ({ sourceContext })),
    path.map((storagePath) => ({ storagePath })),
    path.map((cover) => ({ cover })),
    fc.oneof(fc.integer({ min: 0 }), fc.double()).map((partSize) => ({ partSize })),
  );
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(option, async (given) => {
      const job = await jobOf(given, { api: API3 }).catch((error: unknown) => error);
      if (job instanceof InvalidUploadError) return;
      const { data } = job as UploadJob;
      accepted++;
      expect(parseUploadData(JSON.parse(JSON.stringify(data)))).toStrictEqual(data);
    }),
    { numRuns: 300 },
  );
  expect(accepted).toBeGreaterThan(30);
});

describe('nameAndType', () => {
  it.each([
    ['/videos/a.DIVX', {}, 'divx'],
    ['/videos/a.mp4', { type: '.M4S' }, 'm4s'],
    ['/videos/a.b.3gpp', {}, '3gpp'],
  ])('accepts any extension as a type: %s with %j is %s', (source, given, type) => {
    expect(nameAndType(source, given)).toMatchObject({ type, problems: [] });
  });

  it.each([
    ['/videos/a.mp4', { type: 'm p4' }],
    ['/videos/a.mp4', { type: '视频' }],
    ['/videos/a.m-4', {}],
  ])('rejects %s with %j', (source, given) => {
    expect(nameAndType(source, given).problems).toEqual([
      expect.stringContaining('it must be an extension of 1 to 20 letters and digits'),
    ]);
  });

  it('reports an invalid name and a missing type together', () => {
    const { type, problems } = nameAndType('/videos/a', { name: 'a/b' });
    expect(type).toBeUndefined();
    expect(problems).toHaveLength(2);
  });
});

describe('toUploadJob', () => {
  it('reports the problems of all options together', async () => {
    await expect(jobOf({ waitFor: 'transcoded', name: '', type: 'm p4' })).rejects.toMatchObject({
      problems: [
        expect.stringMatching(/^waitFor can only/),
        expect.stringMatching(/^name /),
        expect.stringMatching(/^type /),
      ],
    });
  });

  it("rejects tags that do not fit into InitUpload's URL together", async () => {
    const tags = (count: number, letters: number) =>
      Array.from({ length: count }, () => '视'.repeat(letters));
    expect((await jobOf({ tags: tags(20, 40) })).data.video.tags).toHaveLength(20);
    await expect(jobOf({ tags: tags(32, 42) })).rejects.toThrow(
      /^tags are too long together: InitUpload's query would have 12\d{3} bytes, more than the 8000/,
    );
  });

  it('has no such rule for API 3.0, which has other ones', async () => {
    await expect(jobOf({ tags: ['a'] }, { api: API3 })).rejects.toMatchObject({
      problems: [expect.stringMatching(/^API 3\.0 has no tags: /)],
    });
  });

  it('rejects a file of more than 10,000 parts with API 3.0', async () => {
    const source = fileOf('large.mp4', 10_000 * 2 ** 20 + 1);
    const rules = { api: API3 } as const;
    await expect(jobOf({ source, checkSource: true, partSize: 2 ** 20 }, rules)).rejects.toThrow(
      `source ${source} is too large: 9.8 GiB are 10001 parts of 1.0 MiB, more than 10000: 9.8 GiB can be uploaded at ` +
        'most; use a larger partSize, or none',
    );
    await jobOf({ source, checkSource: true, partSize: 2 ** 21 }, rules);
    await jobOf({ source, checkSource: true }, rules);
    await jobOf({ source, checkSource: true, partSize: 2 ** 20 });
  });

  describe('with a cover', () => {
    const withCover = (cover: string, roots?: readonly string[]) =>
      jobOf({ source: fileOf('a.mp4', 1), cover, checkSource: true }, { api: API3, ...(roots && { roots }) });

    it('stores its absolute path', async () => {
      const cover = fileOf('poster.png', 10 * 2 ** 20);
      expect((await withCover(cover)).data.cover).toBe(cover);
      expect((await withCover(relative(process.cwd(), cover))).data.cover).toBe(cover);
    });

    it.each([
      ['missing.jpg', undefined, 'SOURCE_NOT_FOUND', 'does not exist'],
      ['empty.jpg', 0, 'SOURCE_EMPTY', 'is empty; a file to upload has at least 1 byte'],
      [
        'large.jpg',
        10 * 2 ** 20 + 1,
        'SOURCE_TOO_LARGE',
        'has 10485761 bytes; a cover can have at most 10485760',
      ],
    ])('rejects %s', async (name, bytes, code, problem) => {
      const cover = bytes === undefined ? join(dir, name) : fileOf(name, bytes);
      await expect(withCover(cover)).rejects.toMatchObject({
        code,
        retryable: false,
        message: expect.stringContaining(`the cover ${cover} ${problem}`),
      });
    });

    it('rejects one outside the roots', async () => {
      const [video, covers] = [join(dir, 'videos'), join(dir, 'covers')];
      for (const root of [video, covers]) mkdirSync(root);
      const source = fileOf('videos/a.mp4', 1);
      const cover = fileOf('covers/a.jpg', 1);
      const options = { source, cover, checkSource: true };
      await expect(jobOf(options, { api: API3, roots: [video] })).rejects.toThrow(
        `the cover ${cover} is outside the directories that SOURCE_ROOTS allows (${video})`,
      );
      await jobOf(options, { api: API3, roots: [video, covers] });
    });

    it('does not look at it when checkSource is false', async () => {
      const { data } = await jobOf({ cover: '/elsewhere/a.jpg' }, { api: API3 });
      expect(data.cover).toBe('/elsewhere/a.jpg');
    });
  });
});
