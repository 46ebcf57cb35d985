import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RedisUnavailableError, VodUploads } from '../../src/index.ts';
import { MAX_PARTS } from '../../src/upload/plan.ts';
import { writeSparseFile } from '../support/files.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import { SLOTS } from '../support/world.ts';

const MIB = 1048576;

const { world, source, gate, stats, download } = useWorld({ ownRedis: true });

describe('a worker that is ended', () => {
  it('by SIGKILL: another worker completes its upload', async () => {
    const parts = gate({ action: 'UploadPart', after: 5 });
    const first = await world().worker().ready();
    const path = await source('killed.mp4', 40 * MIB);
    const upload = await world().uploads.add({ source: path });
    await parts.reached(SLOTS);
    expect(await first.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    expect(stats().parts.accepted).toBe(5);
    await world().expireLocks();

    parts.open();
    const second = await world().worker().ready();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 40, bytesSent: 40 * MIB });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(await second.metric('vod_jobs_stalled_total', { queue: 'vod-part' })).toBeGreaterThan(0);
    // Only running parts are sent twice, without another InitUpload.
    expect(stats().parts.duplicates).toBeLessThanOrEqual(5);
    expect(stats().requests.InitUpload.total).toBe(1);
    expect(stats().files.find(({ fileId }) => fileId === result.fileId)?.finishes).toBe(1);
    expect((await upload.status()).attempt).toBe(1);
  });

  it('by SIGTERM finishes jobs, returns the rest without spending attempts, and exits with 0', async () => {
    const parts = gate({ action: 'UploadPart' });
    const first = await world().worker({ SHUTDOWN_TIMEOUT_MS: '300', PART_ATTEMPTS: '1' }).ready();
    const path = await source('drained.mp4', 10 * MIB);
    const upload = await world().uploads.add({ source: path });
    await parts.reached(SLOTS);
    // No part can complete.
    expect(await first.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(first.lines.some(({ msg }) => msg === 'drain deadline passed; handing jobs back')).toBe(true);

    parts.open();
    // With a single attempt per part, a spent attempt would fail the upload.
    await world().worker({ PART_ATTEMPTS: '1' }).ready();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 10 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
  });

  it('while idle, stops at once; a second signal ends it in any state', async () => {
    const idle = await world().worker().ready();
    expect(await idle.end('SIGINT')).toEqual({ code: 0, signal: null });

    const parts = gate({ action: 'UploadPart' });
    const busy = await world().worker({ SHUTDOWN_TIMEOUT_MS: '600000' }).ready();
    await world().uploads.add({ source: await source('busy.mp4', MIB) });
    await parts.reached();
    busy.child.kill('SIGTERM');
    await busy.line(({ msg }) => msg === 'draining');
    busy.child.kill('SIGINT');
    expect(await busy.exited).toEqual({ code: 1, signal: null });
  });
});

describe('a worker started by npm', () => {
  it('drains when npm gets SIGTERM, and npm ends after it', async () => {
    const parts = gate({ action: 'UploadPart' });
    const worker = world().workerByNpm();
    await worker.ready();
    const upload = await world().uploads.add({ source: await source('by-npm.mp4', 2 * MIB) });
    await parts.reached(2);
    worker.child.kill('SIGTERM');
    await worker.line(({ msg }) => msg === 'draining');
    parts.open();
    expect(await worker.line(({ msg }) => msg === 'worker has stopped')).toMatchObject({ drained: true });
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    await world().worker().ready();
    expect(await upload.result()).toMatchObject({ outcome: 'completed', partsSent: 2 });
    expect(stats().parts).toMatchObject({ accepted: 2, duplicates: 0 });
  });
});

describe('a worker that is frozen longer than its locks last', () => {
  it('loses its jobs to another, and does no harm when it continues', async () => {
    const parts = gate({ action: 'UploadPart', after: 5 });
    const frozen = await world().worker().ready();
    const path = await source('frozen.mp4', 40 * MIB);
    const upload = await world().uploads.add({ source: path });
    await parts.reached(SLOTS);
    frozen.child.kill('SIGSTOP');
    await world().expireLocks();
    const other = await world().worker().ready();
    // The frozen worker's parts wait too.
    await parts.reached(2 * SLOTS);
    expect(await other.metric('vod_jobs_stalled_total', { queue: 'vod-part' })).toBeGreaterThan(0);
    frozen.child.kill('SIGCONT');
    parts.open();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 40 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect((await upload.status()).attempt).toBe(1);
    expect(stats().files.find(({ fileId }) => fileId === result.fileId)?.finishes).toBe(1);
    expect(await frozen.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

describe('workers with single stages', () => {
  it('complete an upload together', async () => {
    const workers = await Promise.all(
      ['upload', 'hash', 'init,finish', 'part'].map((stages) => {
        // Only stages that call VOD get the key.
        const env = /init|part/.test(stages) ? {} : { VOD_SECRET_ID: '', VOD_SECRET_KEY: '' };
        return world().worker(env, ['--stages', stages]).ready();
      }),
    );
    const upload = await world().uploads.add({ source: await source('stages.mp4', 5 * MIB) });
    expect((await upload.result()).partsSent).toBe(5);
    const ok = await Promise.all(
      workers.map((worker) => worker.metric('vod_parts_total', { outcome: 'ok' })),
    );
    expect(ok).toEqual([0, 0, 0, 5]);
  });

  it('refuse unknown stages', async () => {
    const worker = world().worker({}, ['--stages', 'upload,parts']);
    expect((await worker.exited).code).toBe(2);
    expect(worker.output).toBe(
      '--stages: there is no stage "parts"; there are upload, hash, init, part, finish, transcode, webhook, events\n',
    );
  });
});

describe('cancel', () => {
  it('ends an upload whose parts are sent by another worker', async () => {
    const parts = gate({ action: 'UploadPart' });
    await Promise.all([1, 2].map(() => world().worker().ready()));
    const upload = await world().uploads.add({ source: await source('cancelled.mp4', 30 * MIB) });
    await parts.reached(2 * SLOTS);
    // No part gets a reply: cancelling must not wait for one.
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await upload.status()).state).toBe('cancelled');
    expect((await world().uploads.list({ state: 'cancelled' })).map(({ id }) => id)).toEqual([upload.id]);
    const waiting = await withQueue(world(), (redis, key) => redis.zcard(key('vod-part:prioritized')));
    expect(waiting).toBe(0);
    await expect.poll(() => parts.waiting()).toBe(0);
    expect(await world().uploads.cancel(upload.id)).toBe(true);

    world().emulator.control.clearFaults();
    const result = await (await world().uploads.retry(upload.id)).result();
    expect(result.outcome).toBe('completed');
    expect(await world().uploads.cancel(upload.id)).toBe(false);
  });

  it.each([
    ['InitUpload', 'initializing'],
    ['FinishUpload', 'finishing'],
  ] as const)('ends an upload whose %s gets no reply', async (action, stage) => {
    const held = gate({ action });
    await world().worker().ready();
    const upload = await world().uploads.add({ source: await source(`hangs-${stage}.mp4`, 100) });
    await held.reached();
    expect((await upload.status()).state).toBe(stage);
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    // The request is aborted too.
    await expect.poll(() => stats().requests[action].byResult).toEqual({ aborted: 1 });
  });

  it('ends an upload that waits for another with the same content, but not that one', async () => {
    const parts = gate({ action: 'UploadPart' });
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const path = await source('shared.mp4', 8 * MIB);
    const sender = await world().uploads.add({ source: path });
    await parts.reached();
    const waiter = await world().uploads.add({ source: path });
    for await (const { stage } of waiter.progress()) if (stage === 'initializing') break;
    expect(await world().uploads.cancel(waiter.id)).toBe(true);
    await expect(waiter.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    parts.open();
    expect((await sender.result()).partsSent).toBe(8);
  });

  it('ends uploads that are queued, delayed or being hashed', async () => {
    const paths = await Promise.all(['a', 'b'].map((name) => source(`${name}.mp4`, 10)));
    // Hashing takes longer than the test.
    const big = await writeSparseFile(join(world().sources, 'big.mp4'), MAX_PARTS * 2 ** 20);
    const queued = await world().uploads.add({ source: paths[0] ?? '' });
    expect(await world().uploads.cancel(queued.id)).toBe(true);
    await world().worker({}, ['--stages', 'upload,hash']).ready();
    await expect(queued.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    const delayed = await world().uploads.add({ source: paths[1] ?? '', delay: 3_600_000 });
    expect(await world().uploads.cancel(delayed.id)).toBe(true);
    await expect(delayed.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    const hashing = await world().uploads.add({ source: big });
    for await (const { stage } of hashing.progress()) if (stage === 'hashing') break;
    expect(await world().uploads.cancel(hashing.id)).toBe(true);
    await expect(hashing.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(world().uploads.cancel('nonsense')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(stats().requests.InitUpload.total).toBe(0);
  });
});

describe.skipIf(process.env.REDIS_URL)('a killed Redis', () => {
  it('restarts from its append-only file, without a lost upload or spent attempt', async () => {
    const parts = gate({ action: 'UploadPart', after: 5 });
    await world().worker({ PART_ATTEMPTS: '1' }).ready();
    const path = await source('redis-dies.mp4', 40 * MIB);
    const upload = await world().uploads.add({ source: path });
    await parts.reached(SLOTS);
    await world().redis?.kill();
    await expect(upload.status()).rejects.toBeInstanceOf(RedisUnavailableError);
    parts.open();
    await world().redis?.restart();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 40 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect((await upload.status()).attempt).toBe(1);
  });

  it('does not keep a worker from starting or from stopping in time', async () => {
    await world().redis?.kill();
    try {
      const early = world().worker({ SHUTDOWN_TIMEOUT_MS: '300' });
      await early.line(({ msg }) => msg === 'redis is unreachable; waiting for it');
      await world().redis?.restart();
      await early.ready();
      await world().redis?.kill();
      const { time: readyAt } = await early.line(({ msg }) => msg === 'worker is ready');
      await early.line(
        ({ msg, time }) => msg === 'redis is unreachable; waiting for it' && String(time) > String(readyAt),
      );
      expect(await early.end('SIGTERM')).toEqual({ code: 0, signal: null });
    } finally {
      await world().redis?.restart();
    }
  });
});

describe('an unreachable Redis', () => {
  it('makes add fail with an error that names it without the password', async () => {
    const uploads = new VodUploads({ connection: 'redis://:planted-password@127.0.0.1:1/0' });
    const path = await source('nowhere.mp4', 10);
    const error = await uploads.add({ source: path }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RedisUnavailableError);
    expect((error as Error).message).toMatch(/127\.0\.0\.1:1.*ECONNREFUSED.*REDIS_URL/);
    expect((error as Error).message).not.toContain('planted-password');
    await uploads.close();
  });
});
