import { appendFile, readFile, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/emulator/server.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_KEY } from '../support/world.ts';

const MIB = 1048576;

const { world, source, inject, gate, stats, download } = useWorld({ ownRedis: true });

describe('temporary faults', () => {
  // FinishUpload is hit once after its effect: InitUpload then reports the video.
  const passing: readonly {
    readonly name: string;
    readonly effect: Fault['effect'];
    readonly hits: number;
  }[] = [
    { name: 'a code with canRetry 1', effect: { kind: 'code', code: -10005, canRetry: 1 }, hits: 6 },
    { name: 'an HTML reply', effect: { kind: 'html' }, hits: 6 },
    { name: 'HTTP 502', effect: { kind: 'http', status: 502 }, hits: 6 },
    { name: 'an empty body', effect: { kind: 'empty' }, hits: 6 },
    { name: 'half a reply', effect: { kind: 'truncated' }, hits: 5 },
    { name: 'a reset before it took effect', effect: { kind: 'reset', when: 'before' }, hits: 6 },
    { name: 'a reset after it took effect', effect: { kind: 'reset', when: 'after' }, hits: 5 },
    { name: 'a replay error', effect: { kind: 'code', code: 4500, canRetry: 0 }, hits: 6 },
    { name: 'maintenance', effect: { kind: 'code', code: 6200, canRetry: 0 }, hits: 6 },
  ];
  it('of every kind and action are retried, and the video is stored once', async () => {
    await world().worker({ OUTAGE_PROBE_MS: '40' }).ready();
    for (const { name, effect, hits } of passing) {
      world().emulator.control.resetStats();
      for (const action of ['InitUpload', 'UploadPart', 'FinishUpload'] as const)
        inject({ action, effect, count: 2 });
      const path = await source(`${name.replaceAll(/\W+/g, '-')}.mp4`, 3 * MIB + 7);
      const result = await (await world().uploads.add({ source: path })).result();
      expect(result, name).toMatchObject({ outcome: 'completed', partsSent: 4, bytesSent: 3 * MIB + 7 });
      expect((await download(result.url)).equals(await readFile(path)), name).toBe(true);
      expect(stats().files.find(({ fileId }) => fileId === result.fileId)?.finishes, name).toBe(1);
      expect(stats().faultsUsed, name).toEqual({ [effect.kind]: hits });
      world().emulator.control.clearFaults();
    }
  });

  it('a quota error holds the queue for a part of the minute, spends no attempt and counts as a quota retry', async () => {
    inject({ action: 'InitUpload', effect: { kind: 'code', code: 4400, canRetry: 0 }, count: 1 });
    const worker = await world().worker({ PART_ATTEMPTS: '1', VOD_QUOTA_WINDOW_MS: '1000' }).ready();
    const refused = await world().uploads.add({ source: await source('refused.mp4', 100) });
    await worker.line(({ msg, next }) => msg === 'attempt failed' && next === 'held');
    const next = await world().uploads.add({ source: await source('next.mp4', 101) });
    for (const upload of [refused, next]) expect((await upload.result()).outcome).toBe('completed');
    expect(stats().requests.InitUpload.byResult).toEqual({ '4400': 1, '0': 2 });
    expect(await worker.metric('vod_retries_total', { stage: 'init', reason: 'quota' })).toBe(1);
  });

  it('fail the upload after all attempts, as a retryable error', async () => {
    inject({
      action: 'UploadPart',
      effect: { kind: 'code', code: -10004, canRetry: 1, message: 'cache is full' },
      count: 3,
    });
    await world().worker({ PART_ATTEMPTS: '3' }).ready();
    const upload = await world().uploads.add({ source: await source('unlucky.mp4', 10) });
    await expect(upload.result()).rejects.toMatchObject({
      code: '-10004',
      retryable: true,
      message: expect.stringContaining('cache is full'),
    });
    expect(stats().requests.UploadPart.total).toBe(3);
  });
});

describe('permanent faults', () => {
  it('canRetry 0 fails the upload at once; its retry sends only the missing parts', async () => {
    inject({
      action: 'UploadPart',
      effect: { kind: 'code', code: -10006, canRetry: 0, message: 'bad size' },
      offset: 5 * MIB,
    });
    // The next part may start before the upload is stopped, but it waits here.
    const next = gate({ action: 'UploadPart', offset: 6 * MIB });
    const first = await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const path = await source('fails.mp4', 12 * MIB);
    const upload = await world().uploads.add({ source: path });
    await expect(upload.result()).rejects.toMatchObject({
      name: 'UploadFailedError',
      code: '-10006',
      retryable: false,
      message: expect.stringMatching(/UploadPart.*bad size/),
    });
    expect(await upload.status()).toMatchObject({ state: 'failed', attempt: 1, error: { code: '-10006' } });
    await first.end('SIGTERM');
    expect(stats().parts.accepted).toBe(5);

    next.open();
    await world().worker().ready();
    const retried = await world().uploads.retry(upload.id);
    const result = await retried.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSkipped: 5, partsSent: 7 });
    expect(stats().parts).toMatchObject({ accepted: 12, duplicates: 0 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect((await retried.status()).attempt).toBe(2);
    await expect(world().uploads.retry(upload.id)).rejects.toMatchObject({ code: 'NOT_FAILED' });
  });

  it('many refused parts leave nothing in Redis after the retry has completed', async () => {
    inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 }, count: 20 });
    const parts = gate({ action: 'UploadPart' });
    await world().worker({ PART_CONCURRENCY: '20' }).ready();
    const upload = await world().uploads.add({ source: await source('refused.mp4', 20 * MIB) });
    await parts.reached(20);
    parts.open();
    await expect(upload.result()).rejects.toMatchObject({ code: '-10006' });
    const failures = (): Promise<number> =>
      withQueue(world(), (redis, key) => redis.hlen(key(`vod-upload:${upload.id}:failed`)));
    await expect.poll(failures).toBe(20);
    await (await world().uploads.retry(upload.id)).result();
    expect(await failures()).toBe(0);
  });

  it('a wrong key is reported with what to check, and is written nowhere', async () => {
    const wrong = 'not0the0key0but0still0secret';
    const worker = await world().worker({ VOD_SECRET_KEY: wrong, LOG_LEVEL: 'trace' }).ready();
    const upload = await world().uploads.add({ source: await source('secret.mp4', 10) });
    // It holds the account instead of failing the upload: see the tests of holds.
    await worker.line(({ msg }) => String(msg).startsWith('account refused'));
    expect((await upload.status()).progress.hold).toMatchObject({
      code: '-10002',
      message: expect.stringContaining('VOD_SECRET_KEY'),
    });
    await worker.end('SIGTERM');
    const stored = await withQueue(world(), async (redis) =>
      Promise.all((await redis.keys('*')).map((key) => redis.dump(key))),
    );
    for (const secret of [wrong, SECRET_KEY]) {
      expect(worker.output).not.toContain(secret);
      expect(stored.join('')).not.toContain(secret);
    }
    expect(worker.output).toContain('-10002');
  });

  it('a file that changes while it is sent fails its upload and is not stored', async () => {
    const parts = gate({ action: 'UploadPart', after: 2 });
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const path = await source('changes.mp4', 6 * MIB);
    const upload = await world().uploads.add({ source: path });
    await parts.reached();
    await appendFile(path, 'more');
    parts.open();
    await expect(upload.result()).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringMatching(/changes\.mp4 changed.*size was 6291456/),
    });
    expect(stats().parts.accepted).toBe(3);
    expect(stats().requests.FinishUpload.total).toBe(0);
    // The changed file is another file and can be uploaded.
    const result = await (await world().uploads.retry(upload.id)).result();
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
  });

  it('a file that is deleted before it is sent fails its upload', async () => {
    const init = gate({ action: 'InitUpload' });
    // The hashing worker may still have the file open; the sending worker has not opened it.
    await Promise.all(
      ['upload,hash,init', 'part'].map((stages) => world().worker({}, ['--stages', stages]).ready()),
    );
    const path = await source('deleted.mp4', 2 * MIB);
    const upload = await world().uploads.add({ source: path });
    await init.reached();
    await rm(path);
    init.open();
    await expect(upload.result()).rejects.toMatchObject({ message: expect.stringContaining('deleted.mp4') });
    expect((await upload.status()).error?.code).toBe('SOURCE_NOT_FOUND');
    expect(stats().requests.UploadPart.total).toBe(0);
  });

  it('a FinishUpload with missing parts makes the upload send InitUpload again', async () => {
    inject({
      action: 'FinishUpload',
      effect: { kind: 'code', code: -10003, canRetry: 0, message: '2 parts missing' },
    });
    await world().worker().ready();
    const path = await source('misses.mp4', 3 * MIB);
    const result = await (await world().uploads.add({ source: path })).result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 3 });
    expect(stats().requests.InitUpload.total).toBe(2);
    expect(stats().requests.FinishUpload.total).toBe(2);
    expect(stats().parts.accepted).toBe(3);
  });

  it('a FinishUpload that is always refused fails the upload with that reason', async () => {
    inject({
      action: 'FinishUpload',
      effect: { kind: 'code', code: -10003, canRetry: 0, message: '2 parts missing' },
      share: 1,
    });
    await world().worker().ready();
    const upload = await world().uploads.add({ source: await source('never.mp4', 10) });
    await expect(upload.result()).rejects.toMatchObject({
      code: 'FINISH_UNRESOLVED',
      message: expect.stringContaining('2 parts missing'),
    });
    expect(stats().requests.FinishUpload.total).toBe(4);
  });
});
