import { describe, expect, it } from 'vitest';
import { nameAndType, toUploadData, toUploadJob } from '../../../src/client/upload-job.ts';
import type { UploadOptions } from '../../../src/client/upload-options.ts';
import { parseUploadOptions } from '../../../src/client/upload-options-schema.ts';
import { SCHEMA_VERSION } from '../../../src/queue/jobs/schema.ts';

const HOUR_MS = 3_600_000;

const jobOf = (options: Partial<UploadOptions>) =>
  toUploadJob({ source: '/videos/a.mp4', checkSource: false, ...options }, undefined);

const dataOf = (options: Partial<UploadOptions>) =>
  toUploadData(parseUploadOptions({ source: '/videos/a.mp4', ...options }), {
    ...{ source: '/videos/a.mp4', name: 'a', type: 'mp4' },
    size: undefined,
  });

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
});
