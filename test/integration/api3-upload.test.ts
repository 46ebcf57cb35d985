import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ContentIndex } from '../../src/flow/content-index.ts';
import { sha1Of } from '../support/files.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 2 ** 20;

const { world, source, gate, stats, download } = useWorld({ api: '2018-07-17' });

/** Numbers of requests by action, without those that were not made and the checks of the key. */
function requests(): Record<string, number> {
  const counts = Object.entries(stats().requests).map(([action, { total }]) => [action, total] as const);
  return Object.fromEntries(counts.filter(([, total]) => total > 0));
}

describe('an upload by API 3.0', () => {
  it('sends a small file as one object, with all options', async () => {
    await world().worker().ready();
    const path = await source('clip.mp4', 700_000);
    const cover = join(world().sources, 'cover.jpg');
    await writeFile(cover, 'a picture');
    const upload = await world().uploads.add({
      ...{ source: path, cover, procedure: 'LongVideoPreset', sourceContext: 'order 7', classId: 3 },
      ...{ storageRegion: 'ap-chongqing', expireTime: '2041-01-01T00:00:00Z' },
    });
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', fileSha: null, fileSize: 700_000, partsSent: 1 });
    expect(result).toMatchObject({ name: 'clip', type: 'mp4', bytesSent: 700_000, partsSkipped: 0 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(requests()).toMatchObject({ ApplyUpload: 1, PutObject: 2, HeadObject: 1 });
    const file = stats().files.find(({ fileId }) => fileId === result.fileId);
    expect(file).toMatchObject({ classId: 3, size: 700_000 });
    expect(file?.media).toMatchObject({
      procedure: 'LongVideoPreset',
      sourceContext: `order 7 ${upload.id}`,
      region: 'ap-chongqing',
      expireTime: expect.stringContaining('2041-01-01'),
    });
    expect((await download(file?.media?.coverUrl ?? '')).toString()).toBe('a picture');
  });

  it('sends a large file in parts of 8 MiB, which are streamed', async () => {
    await world().worker().ready();
    const path = await source('film.mp4', 8 * MIB + 1);
    const result = await (await world().uploads.add({ source: path })).result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 2, bytesSent: 8 * MIB + 1 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(requests()).toMatchObject({
      ...{ ApplyUpload: 1, InitiateMultipartUpload: 1, UploadPart: 2, ListParts: 1 },
      ...{ CompleteMultipartUpload: 1, HeadObject: 1 },
    });
  });

  it('begins anew when its session expires, and is continued by another worker when its own is killed', async () => {
    const parts = gate({ action: 'UploadPart', after: 1 });
    const first = await world().worker({ PART_CONCURRENCY: '2' }).ready();
    const path = await source('interrupted.mp4', 5 * MIB);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await parts.reached(2);
    await first.end('SIGKILL');
    world().emulator.control.setSessions({ expireAll: true });
    await world().expireLocks();
    parts.open();
    const second = await world().worker().ready();
    const result = await upload.result();
    // Before the session expired: the one part that was sent. After it: all, which are larger.
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 1 + 3, bytesSent: (1 + 5) * MIB });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(await upload.status()).toMatchObject({ attempt: 1 });
    const videos = stats().files.filter(({ media }) => media?.sourceContext === upload.id);
    expect(videos.map(({ fileId }) => fileId)).toEqual([result.fileId]);
    const warnings = second.lines.filter(({ level }) => level === 'warn');
    expect(warnings.map(({ what }) => what)).toContainEqual(
      expect.stringMatching(/^its session is over \[\w+\]; beginning anew$/),
    );
  });

  it('leaves nothing in the bucket when it is cancelled', async () => {
    const parts = gate({ action: 'UploadPart' });
    await world().worker().ready();
    const before = stats().openUploads.length;
    const upload = await world().uploads.add({ source: await source('left.mp4', 3 * MIB), partSize: MIB });
    await parts.reached(3);
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect.poll(() => stats().openUploads).toHaveLength(before);
  });

  it('with a hash sends the same content once, unless VOD has deleted the video', async () => {
    await world().worker().ready();
    const path = await source('same.mp4', 70_000);
    const first = await (await world().uploads.add({ source: path, hash: true })).result();
    expect(first).toMatchObject({ outcome: 'completed', fileSha: await sha1Of(path) });
    const second = await (await world().uploads.add({ source: path, hash: true })).result();
    expect(second).toMatchObject({ outcome: 'instant', fileId: first.fileId, partsSent: 0, bytesSent: 0 });
    expect(requests()).toMatchObject({ PutObject: 1, DescribeMediaInfos: 1 });
    const redis = new Redis(world().redisUrl);
    onTestFinished(() => redis.disconnect());
    const contents = new ContentIndex(redis, world().prefix, 3600);
    await contents.keep(await sha1Of(path), { fileId: '5145403726700000000', url: null });
    const third = await (await world().uploads.add({ source: path, hash: true })).result();
    expect(third).toMatchObject({ outcome: 'completed', partsSent: 1 });
    expect(third.fileId).not.toBe(first.fileId);
  });
});
