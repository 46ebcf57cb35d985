import { describe, expect, it } from 'vitest';
import { toUploadJob, type UploadOptions } from '../../../src/client/upload-options.ts';

const HOUR_MS = 3_600_000;

const dataOf = async (options: Partial<UploadOptions>) =>
  (await toUploadJob({ source: '/videos/a.mp4', checkSource: false, ...options }, undefined)).data;

describe('transcoding', () => {
  it('with InitUpload is told by its flags', async () => {
    const { video, transcoding } = await dataOf({ transcode: true, screenshot: true, watermark: false });
    expect(video).toMatchObject({ transcode: true, screenshot: true, watermark: false });
    expect(transcoding).toBeUndefined();
  });

  it('after the upload takes the flags with it', async () => {
    const { video, transcoding } = await dataOf({ transcode: 'after', screenshot: true, watermark: false });
    for (const flag of ['transcode', 'screenshot', 'watermark']) expect(video).not.toHaveProperty(flag);
    expect(transcoding).toEqual({ screenshot: true, watermark: false });
  });

  it('can be waited for, 6 hours unless told otherwise', async () => {
    const after = { transcode: 'after', waitFor: 'transcoded' } as const;
    expect((await dataOf(after)).transcoding).toEqual({ timeoutMs: 6 * HOUR_MS });
    expect((await dataOf({ ...after, transcodeTimeoutMs: 7 })).transcoding).toEqual({ timeoutMs: 7 });
    expect((await dataOf({ transcode: 'after', waitFor: 'uploaded' })).transcoding).toEqual({});
  });

  it.each([
    [{ waitFor: 'transcoded' }, /waitFor can only be 'transcoded' when transcode is 'after'/],
    [{ waitFor: 'transcoded', transcode: true }, /waitFor can only/],
    [{ transcode: 'after', transcodeTimeoutMs: 5 }, /transcodeTimeoutMs is only for waitFor 'transcoded'/],
    [{ transcode: 'before' }, /transcode must be true, false or 'after'/],
    [{ waitFor: 'later' }, /waitFor must be 'uploaded' or 'transcoded'/],
    [{ transcodeTimeoutMs: 0 }, /transcodeTimeoutMs must be at least 1/],
    [{ transcodeTimeoutMs: 8 * 24 * HOUR_MS }, /transcodeTimeoutMs must be at most 7 days/],
    [{ transcodeTimeoutMs: '6h' }, /transcodeTimeoutMs must be a whole number of milliseconds/],
  ])('is refused as %j', async (options, message) => {
    await expect(dataOf(options as Partial<UploadOptions>)).rejects.toThrow(message);
  });
});

describe('type', () => {
  it.each([
    [{ source: '/videos/a.DIVX' }, 'divx'],
    [{ type: '.M4S' }, 'm4s'],
    [{ source: '/videos/a.b.3gpp' }, '3gpp'],
  ])('of %j is %s, though it is not a usual one', async (options, type) => {
    expect((await dataOf(options)).video.type).toBe(type);
  });

  it.each([{ type: 'm p4' }, { type: '视频' }, { source: '/videos/a.m-4' }])(
    'can’t be %j',
    async (options) => {
      await expect(dataOf(options)).rejects.toThrow('it must be an extension of 1 to 20 letters and digits');
    },
  );
});

describe('tags', () => {
  const tags = (count: number, letters: number) => Array.from({ length: count }, () => '视'.repeat(letters));

  it('must fit into the URL of InitUpload together', async () => {
    expect((await dataOf({ tags: tags(20, 40) })).video.tags).toHaveLength(20);
    await expect(dataOf({ tags: tags(32, 42) })).rejects.toThrow(
      /^tags are too long together: InitUpload's query would have 12\d{3} bytes, more than the 8000/,
    );
  });
});

describe('rehash', () => {
  it('is told to workers only where it is wanted', async () => {
    expect((await dataOf({ rehash: true })).rehash).toBe(true);
    for (const options of [{}, { rehash: false }]) expect(await dataOf(options)).not.toHaveProperty('rehash');
    await expect(dataOf({ rehash: 'yes' as never })).rejects.toThrow('rehash must be true or false');
  });
});
