import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { RedisUnavailableError, type Upload, VodUploads } from '../../src/index.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

const { world, source, inject, stats, slowParts, download } = useWorld();

const untilSending = async (upload: Upload): Promise<void> => {
  for await (const { bytesSent } of upload.progress()) if (bytesSent > 0) return;
};

describe('a worker that dies', () => {
  it('by SIGKILL leaves its upload to another, which completes it', async () => {
    slowParts(150);
    const first = await world().worker().ready();
    const path = await source('killed.mp4', 40 * MIB);
    const upload = await world().uploads.add({ source: path });
    await untilSending(upload);
    expect(await first.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    const acceptedByFirst = stats().parts.accepted;
    expect(acceptedByFirst).toBeLessThan(40);

    const second = await world().worker().ready();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 40, bytesSent: 40 * MIB });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(await second.metric('vod_jobs_stalled_total', { queue: 'vod-part' })).toBeGreaterThan(0);
    // At most what was under way is sent twice, and nobody asked anew.
    expect(stats().parts.duplicates).toBeLessThanOrEqual(8);
    expect(stats().requests.InitUpload.total).toBe(1);
    expect(stats().files.find(({ fileId }) => fileId === result.fileId)?.finishes).toBe(1);
    expect((await upload.status()).attempt).toBe(1);
  });

  it('by SIGTERM ends what it can, hands the rest back unspent, and exits with 0', async () => {
    slowParts(3000);
    const first = await world().worker({ SHUTDOWN_TIMEOUT_MS: '300', PART_ATTEMPTS: '1' }).ready();
    const path = await source('drained.mp4', 10 * MIB);
    const upload = await world().uploads.add({ source: path });
    await expect.poll(() => first.metric('vod_parts_in_flight')).toBe(8);
    const startedAt = performance.now();
    expect(await first.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAt).toBeLessThan(6000);
    expect(first.lines.some(({ msg }) => msg === 'drain deadline passed; handing jobs back')).toBe(true);

    world().emulator.control.clearFaults();
    // With a single attempt for each part, one that was spent would fail the upload.
    await world().worker({ PART_ATTEMPTS: '1' }).ready();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 10 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
  });

  it('idle, stops at once; a second signal ends it whatever it does', async () => {
    const idle = await world().worker().ready();
    expect(await idle.end('SIGINT')).toEqual({ code: 0, signal: null });

    slowParts(10_000);
    const busy = await world().worker({ SHUTDOWN_TIMEOUT_MS: '60000' }).ready();
    await world().uploads.add({ source: await source('busy.mp4', MIB) });
    await expect.poll(() => busy.metric('vod_parts_in_flight')).toBe(1);
    busy.child.kill('SIGTERM');
    await busy.line(({ msg }) => msg === 'draining');
    busy.child.kill('SIGTERM');
    expect(await busy.exited).toEqual({ code: 1, signal: null });
  });
});

describe('a worker that is frozen past its locks', () => {
  it('loses its jobs to another, and does no harm when it comes to', async () => {
    slowParts(150);
    const frozen = await world().worker().ready();
    const path = await source('frozen.mp4', 40 * MIB);
    const upload = await world().uploads.add({ source: path });
    await untilSending(upload);
    frozen.child.kill('SIGSTOP');
    const other = await world().worker().ready();
    await expect.poll(() => other.metric('vod_jobs_stalled_total', { queue: 'vod-part' })).toBeGreaterThan(0);
    frozen.child.kill('SIGCONT');
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 40 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect((await upload.status()).attempt).toBe(1);
    expect(stats().files.find(({ fileId }) => fileId === result.fileId)?.finishes).toBe(1);
    expect(await frozen.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

describe('stages on their own', () => {
  it('carry an upload through together', async () => {
    const workers = await Promise.all(
      ['upload', 'hash', 'init,finish', 'part'].map((stages) => {
        // The key is only where it is needed.
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

  it('that do not exist are refused', async () => {
    const worker = world().worker({}, ['--stages', 'upload,parts']);
    expect((await worker.exited).code).toBe(2);
    expect(worker.output).toBe(
      '--stages: there is no stage "parts"; there are upload, hash, init, part, finish, transcode, webhook, events\n',
    );
  });
});

describe('cancel', () => {
  it('ends an upload whose parts are being sent, within 2 s, on another replica', async () => {
    slowParts(5000);
    await world().worker().ready();
    const upload = await world().uploads.add({ source: await source('cancelled.mp4', 30 * MIB) });
    const replica = await world().worker().ready();
    await expect.poll(() => replica.metric('vod_build_info')).toBe(1);
    for await (const { stage } of upload.progress()) if (stage === 'uploading') break;
    await expect.poll(() => stats().requests.UploadPart.total).toBeGreaterThan(0);
    const startedAt = performance.now();
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await upload.status()).state).toBe('cancelled');
    expect((await world().uploads.list({ state: 'cancelled' })).map(({ id }) => id)).toEqual([upload.id]);
    const { Redis } = await import('ioredis');
    const redis = new Redis(world().redisUrl);
    expect(await redis.zcard(`${world().prefix}:vod-part:prioritized`)).toBe(0);
    redis.disconnect();
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
    inject({ action, effect: { kind: 'hang', when: 'before' }, share: 1 });
    await world().worker().ready();
    const upload = await world().uploads.add({ source: await source(`hangs-${stage}.mp4`, 100) });
    await expect.poll(() => stats().requests[action].total).toBe(1);
    expect((await upload.status()).state).toBe(stage);
    const startedAt = performance.now();
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    // The request itself is gone, too.
    await expect
      .poll(() => stats().requests[action].byResult.aborted ?? stats().requests[action].byResult.hang)
      .toBe(1);
  });

  it('ends an upload that waits for another of the same content, and leaves that one alone', async () => {
    slowParts(300);
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const path = await source('shared.mp4', 8 * MIB);
    const sender = await world().uploads.add({ source: path });
    await untilSending(sender);
    const waiter = await world().uploads.add({ source: path });
    for await (const { stage } of waiter.progress()) if (stage === 'initializing') break;
    const startedAt = performance.now();
    expect(await world().uploads.cancel(waiter.id)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    await expect(waiter.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect((await sender.result()).partsSent).toBe(8);
  });

  it('ends uploads that are queued, delayed or being hashed', async () => {
    const paths = await Promise.all(['a', 'b'].map((name) => source(`${name}.mp4`, 10)));
    const big = await source('big.mp4', 400 * MIB);
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

describe.skipIf(process.env.REDIS_URL)('Redis that dies', () => {
  it('and comes back from its append-only file, loses no upload and costs no attempt', async () => {
    slowParts(100);
    await world().worker({ PART_ATTEMPTS: '1' }).ready();
    const path = await source('redis-dies.mp4', 40 * MIB);
    const upload = await world().uploads.add({ source: path });
    await untilSending(upload);
    await world().redis?.kill();
    await expect(upload.status()).rejects.toBeInstanceOf(RedisUnavailableError);
    await world().redis?.restart();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 40 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect((await upload.status()).attempt).toBe(1);
  });

  it('keeps a worker neither from starting, nor from stopping in time', async () => {
    await world().redis?.kill();
    try {
      const early = world().worker();
      await early.line(({ msg }) => msg === 'redis is away; waiting for it');
      await world().redis?.restart();
      await early.ready();
      await world().redis?.kill();
      const { time: readyAt } = await early.line(({ msg }) => msg === 'worker is ready');
      await early.line(
        ({ msg, time }) => msg === 'redis is away; waiting for it' && String(time) > String(readyAt),
      );
      const startedAt = performance.now();
      expect(await early.end('SIGTERM')).toEqual({ code: 0, signal: null });
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    } finally {
      await world().redis?.restart();
    }
  });
});

describe('Redis that is not there', () => {
  it('makes add fail within seconds, with an error that names it and no password', async () => {
    const uploads = new VodUploads({ connection: 'redis://:planted-password@127.0.0.1:1/0' });
    const path = await source('nowhere.mp4', 10);
    const startedAt = performance.now();
    const error = await uploads.add({ source: path }).catch((reason: unknown) => reason);
    expect(performance.now() - startedAt).toBeLessThan(8000);
    expect(error).toBeInstanceOf(RedisUnavailableError);
    expect((error as Error).message).toMatch(/127\.0\.0\.1:1.*ECONNREFUSED.*REDIS_URL/);
    expect((error as Error).message).not.toContain('planted-password');
    await uploads.close();
  });
});
