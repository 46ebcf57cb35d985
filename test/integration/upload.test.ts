import { createHash } from 'node:crypto';
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { UploadProgress } from '../../src/index.ts';
import { createVodClient } from '../../src/vod/client.ts';
import { promoteDelayed } from '../support/delayed.ts';
import { sha1Of } from '../support/files.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY } from '../support/world.ts';

const MIB = 1048576;
const MP4 = fileURLToPath(new URL('../fixtures/testsrc-720p-12s.mp4', import.meta.url));

const { world, source, gate, stats, download } = useWorld();

const requests = () => {
  const { InitUpload, UploadPart, FinishUpload } = stats().requests;
  return [InitUpload.total, UploadPart.total, FinishUpload.total];
};
const client = () =>
  createVodClient({
    endpoint: world().emulator.url,
    credentials: { secretId: SECRET_ID, secretKey: SECRET_KEY },
  });

describe('an upload', () => {
  it('stores a real video in VOD byte for byte, with all options', async () => {
    await world().worker().ready();
    const path = join(world().sources, 'launch.mp4');
    await copyFile(MP4, path);
    const upload = await world().uploads.add({
      source: path,
      tags: ['launch', 'ä+ö & ü'],
      classId: 7,
      transcode: true,
      screenshot: true,
      watermark: true,
    });
    expect(upload.created).toBe(true);
    const seen: UploadProgress[] = [];
    for await (const progress of upload.progress()) seen.push(progress);
    const result = await upload.result();
    expect(result).toMatchObject({
      outcome: 'completed',
      fileId: expect.stringMatching(/^\d{19}$/),
      fileSha: await sha1Of(MP4),
      fileSize: 5_907_693,
      name: 'launch',
      type: 'mp4',
      partsSent: 6,
      partsSkipped: 0,
      bytesSent: 5_907_693,
    });
    expect(requests()).toEqual([1, 6, 1]);
    expect((await download(result.url)).equals(await readFile(MP4))).toBe(true);
    expect(stats().files.find(({ fileId }) => fileId === result.fileId)).toMatchObject({
      name: 'launch',
      tags: ['launch', 'ä+ö & ü'],
      classId: 7,
      isTranscode: true,
      isScreenshot: true,
      isWatermark: true,
      finishes: 1,
    });
    const stages = seen.map(({ stage }) => stage);
    expect(stages.at(-1)).toBe('completed');
    expect(seen.at(-1)).toMatchObject({ bytesSent: 5_907_693, totalBytes: 5_907_693 });
    const order = ['queued', 'hashing', 'initializing', 'uploading', 'finishing', 'completed'];
    expect(stages).toEqual([...stages].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
  });

  it('of a file that VOD has sends nothing', async () => {
    const worker = await world().worker().ready();
    const path = await source('known.mp4', 2 * MIB + 5);
    const first = await (await world().uploads.add({ source: path })).result();
    world().emulator.control.resetStats();
    const second = await (await world().uploads.add({ source: path, name: 'again' })).result();
    expect(second).toMatchObject({
      outcome: 'instant',
      fileId: first.fileId,
      url: first.url,
      partsSent: 0,
      partsSkipped: 3,
      bytesSent: 0,
    });
    expect(requests()).toEqual([1, 0, 0]);
    // The worker increments the counter after Redis has the end, so it may be later than the producer's result.
    await expect.poll(() => worker.metric('vod_uploads_total', { outcome: 'instant' })).toBe(1);
    expect(await worker.metric('vod_uploads_total', { outcome: 'completed' })).toBe(1);
    expect(await worker.metric('vod_upload_bytes_total', { disposition: 'sent' })).toBe(2 * MIB + 5);
    expect(await worker.metric('vod_upload_bytes_total', { disposition: 'skipped_instant' })).toBe(
      2 * MIB + 5,
    );
    expect(await worker.metric('vod_parts_total', { outcome: 'ok' })).toBe(3);
    expect(
      await worker.metric('vod_api_request_duration_seconds_count', { action: 'InitUpload', result: 'ok' }),
    ).toBe(2);
  });

  it('works with any file size and both part sizes', async () => {
    await world().worker().ready();
    for (const [name, size, partSize, parts] of [
      ['1 byte', 1, MIB, 1],
      ['exactly two parts', 2 * MIB, MIB, 2],
      ['one byte more than two parts', 2 * MIB + 1, MIB, 3],
      ['512 KiB parts', MIB + 524288 + 1, 524288, 4],
    ] as const) {
      world().emulator.control.resetStats();
      const path = await source(`${name.replaceAll(' ', '-')}.mp4`, size);
      const result = await (await world().uploads.add({ source: path, partSize })).result();
      expect(result, name).toMatchObject({ outcome: 'completed', partsSent: parts, bytesSent: size });
      expect((await download(result.url)).equals(await readFile(path)), name).toBe(true);
      expect(requests(), name).toEqual([1, parts, 1]);
    }
  });

  it('sends only missing parts, in the part size of the first InitUpload', async () => {
    await world().worker().ready();
    const path = await source('half.mp4', 5 * 524288 + 99);
    const fileSha = await sha1Of(path);
    const bytes = await readFile(path);
    const vod = client();
    const fileSize = bytes.length;
    await vod.initUpload({ fileName: 'half', fileType: 'mp4', fileSha, fileSize, dataSize: 524288 });
    for (const index of [1, 4]) {
      const body = bytes.subarray(index * 524288, (index + 1) * 524288);
      const dataMd5 = createHash('md5').update(body).digest('hex');
      await vod.uploadPart({ fileSha, offset: index * 524288, dataMd5, body });
    }
    vod.close();
    world().emulator.control.resetStats();
    const result = await (await world().uploads.add({ source: path, partSize: MIB })).result();
    expect(result).toMatchObject({
      outcome: 'completed',
      partsSent: 4,
      partsSkipped: 2,
      bytesSent: fileSize - 2 * 524288,
    });
    expect(stats().parts).toMatchObject({ accepted: 4, duplicates: 0 });
    expect((await download(result.url)).equals(bytes)).toBe(true);
  });

  it('interleaves with others: a clip does not wait for an earlier film', async () => {
    const parts = gate({ action: 'UploadPart', after: 3 });
    // One slot only: with two, the order would be random.
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const film = await source('film.mp4', 20 * MIB);
    const filmUpload = await world().uploads.add({ source: film });
    await parts.reached(1);
    const clipUpload = await world().uploads.add({ source: await source('clip.mp4', 3 * MIB) });
    // 16 parts of the film, and those of the clip.
    await withQueue(world(), (redis, key) =>
      expect.poll(() => redis.zcard(key('vod-part:prioritized'))).toBe(19),
    );
    // The film's part that is being sent, and those of the clip.
    parts.open(1 + 3);
    expect((await clipUpload.result()).partsSent).toBe(3);
    await parts.reached(1);
    expect(stats().parts.bySha[await sha1Of(film)]?.accepted).toBe(3 + 1);
    expect((await filmUpload.status()).state).toBe('uploading');
    parts.open();
    expect((await filmUpload.result()).partsSent).toBe(20);
  });
});

describe('ended uploads', () => {
  it('are kept by count', async () => {
    await world().worker({ KEEP_COMPLETED_COUNT: '2', KEEP_FAILED_COUNT: '1' }).ready();
    for (const index of [1, 2, 3])
      await (await world().uploads.add({ source: await source(`kept-${index}.mp4`, 10) })).result();
    const nowhere = ['a', 'b'].map((name) => ({ source: `/nowhere/${name}.mp4`, checkSource: false }));
    for (const upload of await world().uploads.addMany(nowhere)) await upload.result().catch(() => {});
    const ended = await world().uploads.list();
    expect(ended.map(({ state }) => state).sort()).toEqual(['completed', 'completed', 'failed']);
    expect(
      ended
        .filter(({ state }) => state === 'completed')
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['kept-2', 'kept-3']);
  });

  it('are kept by age', async () => {
    const worker = await world().worker({ KEEP_COMPLETED_DAYS: '1' }).ready();
    const old = await world().uploads.add({ source: await source('old.mp4', 10) });
    await old.result();
    // As if it had ended two days ago.
    const ended = Date.now() - 2 * 86_400_000;
    await withQueue(world(), (redis, key) => redis.zadd(key('vod-upload:completed'), ended, old.id));
    const young = await world().uploads.add({ source: await source('young.mp4', 10) });
    await young.result();
    expect((await world().uploads.list()).map(({ id }) => id)).toEqual([young.id]);
    expect(worker.running).toBe(true);
  });
});

describe('the producer', () => {
  it('returns the first upload of a key, with created false', async () => {
    const path = await source('keyed.mp4', 10);
    const first = await world().uploads.add({ source: path, key: 'order-42' });
    const second = await world().uploads.add({ source: path, key: 'order-42' });
    expect([first.created, second.created]).toEqual([true, false]);
    expect(second.id).toBe(first.id);
    const other = await source('other.mp4', 10);
    await expect(world().uploads.add({ source: other, key: 'order-42' })).rejects.toThrow(
      `key "order-42" belongs to upload ${first.id} of ${path}`,
    );
    await world().worker().ready();
    expect((await second.result()).fileSha).toBe(await sha1Of(path));
    expect((await world().uploads.add({ source: path, key: 'order-42' })).created).toBe(false);
    expect(requests()).toEqual([1, 1, 1]);
  });

  it('enqueues in bulk, lists by state, and finds by id', async () => {
    const paths = await Promise.all(
      [...Array(30).keys()].map((index) => source(`many-${index}.mp4`, 100 + index)),
    );
    const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
    expect(new Set(uploads.map(({ id }) => id)).size).toBe(30);
    expect(await world().uploads.list({ state: 'queued' })).toHaveLength(30);
    expect(await world().uploads.list({ limit: 7 })).toHaveLength(7);
    await world().worker().ready();
    const results = await Promise.all(uploads.map((upload) => upload.result()));
    expect(new Set(results.map(({ fileId }) => fileId)).size).toBe(30);
    const completed = await world().uploads.list({ state: 'completed' });
    expect(completed.map(({ id }) => id).sort()).toEqual(uploads.map(({ id }) => id).sort());
    const [any] = uploads;
    expect((await (await world().uploads.get(any?.id ?? ''))?.status())?.state).toBe('completed');
    expect(await world().uploads.get('nonsense')).toBeUndefined();
  });

  it('enqueues none when one is wrong, and names that one', async () => {
    const path = await source('good.mp4', 10);
    const missing = join(world().sources, 'missing.mp4');
    await expect(world().uploads.addMany([{ source: path }, { source: missing }])).rejects.toThrow(
      /^upload 1: .*missing\.mp4/,
    );
    expect(await world().uploads.list()).toEqual([]);
  });

  it('delays an upload; the delay is not part of its duration', async () => {
    await world().worker().ready();
    const upload = await world().uploads.add({ source: await source('later.mp4', 10), delay: 3_600_000 });
    await (await world().uploads.add({ source: await source('sooner.mp4', 11) })).result();
    expect((await upload.status()).state).toBe('queued');
    expect(stats().requests.InitUpload.total).toBe(1);
    await promoteDelayed(world());
    expect((await upload.result()).durationMs).toBe(0);
  });

  it('accepts a path that it can’t see; the worker fails the upload with the reason', async () => {
    await world().worker().ready();
    const upload = await world().uploads.add({ source: '/nowhere/film.mp4', checkSource: false });
    await expect(upload.result()).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      uploadId: upload.id,
      message: expect.stringContaining('/nowhere/film.mp4'),
    });
  });
});

describe('progress', () => {
  it('reports the last of several quick parts while the next one takes long', async () => {
    gate({ action: 'UploadPart', offset: 4 * MIB });
    await world().worker().ready();
    const upload = await world().uploads.add({ source: await source('hanging.mp4', 5 * MIB) });
    for await (const progress of upload.progress()) {
      if (progress.bytesSent < 4 * MIB) continue;
      expect(progress).toMatchObject({ stage: 'uploading', bytesSent: 4 * MIB, totalBytes: 5 * MIB });
      break;
    }
    expect(await world().uploads.cancel(upload.id)).toBe(true);
  });
});
