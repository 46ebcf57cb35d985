import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { QuotaHoldError } from '../../src/queue/postpone-errors.ts';
import { connect, startConsumer } from '../support/consumer.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import { SLOTS, type WorkerProcess } from '../support/world.ts';

const PART = 524288;

const { world, source, inject, gate, stats, download } = useWorld();

/** Replaces the stopped emulator: counts and resets every connection. */
async function deadVod(port: number): Promise<{ server: Server; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.resetAndDestroy();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, connections: () => connections };
}

async function addSources(name: string, count: number, size: number): Promise<[Upload[], string[]]> {
  const paths = await Promise.all(
    [...Array(count).keys()].map((index) => source(`${name}-${index}.mp4`, size)),
  );
  return [await world().uploads.addMany(paths.map((path) => ({ source: path, partSize: PART }))), paths];
}

describe('an outage of VOD', () => {
  it('spends no attempt, is probed by few requests, and ends on its own', async () => {
    const parts = gate({ action: 'UploadPart', after: 5 });
    // With a single attempt, an upload fails as soon as an attempt is spent.
    const workers = await Promise.all([1, 2].map(() => world().worker({ PART_ATTEMPTS: '1' }).ready()));
    const [uploads, paths] = await addSources('outage', 3, 10 * PART);
    await parts.reached(2 * SLOTS);
    const port = Number(new URL(world().emulator.url).port);
    await world().stopEmulator();
    const dead = await deadVod(port);
    const held = async (worker: WorkerProcess): Promise<number> =>
      await worker.metric('vod_hold', { reason: 'outage' });
    for (const worker of workers) await expect.poll(() => held(worker)).toBe(1);
    const { progress } = (await uploads[0]?.status()) ?? {};
    expect(progress?.hold).toMatchObject({ kind: 'outage', code: expect.stringMatching(/NETWORK|TIMEOUT/) });
    const { queues } = connect(world());
    for (const stage of ['init', 'part', 'finish'] as const) {
      expect(await queues[stage].getGlobalRateLimit()).toEqual({ max: 1, duration: 200 });
    }
    const before = dead.connections();
    await expect.poll(() => dead.connections()).toBeGreaterThan(before + 3);
    await new Promise((resolve) => dead.server.close(resolve));
    await world().startEmulator();
    const results = await Promise.all(uploads.map((upload) => upload.result()));
    for (const [index, { url }] of results.entries()) {
      expect((await download(url)).equals(await readFile(paths[index] ?? ''))).toBe(true);
    }
    for (const upload of uploads)
      expect(await upload.status()).toMatchObject({ state: 'completed', attempt: 1 });
    for (const worker of workers) await expect.poll(() => held(worker)).toBe(0);
    const tellers = workers.filter(({ lines }) =>
      lines.some(({ msg }) => String(msg).startsWith('vod does not answer')),
    );
    expect(tellers).toHaveLength(1);
  });

  it('is not caused by a single failing part: that part spends its attempts', async () => {
    const ATTEMPTS = 3;
    const others = [1, 2, 3];
    const gates = [0, ...others].map((index) => gate({ action: 'UploadPart', offset: index * PART }));
    // The fault comes after the effect, so that the part waits at its gate too.
    inject({ action: 'UploadPart', effect: { kind: 'reset', when: 'after' }, share: 1, offset: 0 });
    const worker = await world()
      .worker({ PART_ATTEMPTS: String(ATTEMPTS) })
      .ready();
    const [[upload]] = await addSources('one-part', 1, 4 * PART);
    // Another part succeeds between two failures; the first failure could still belong to an outage.
    const failures = () => worker.lines.filter(({ msg }) => msg === 'attempt failed');
    for (const [failed, other] of others.entries()) {
      await gates[0]?.reached();
      gates[0]?.open(1);
      await expect.poll(() => failures().length).toBe(failed + 1);
      gates[other]?.open();
      await worker.line(({ msg, offset }) => msg === 'job done' && offset === other * PART);
    }
    gates[0]?.open();
    await expect(upload?.result()).rejects.toMatchObject({ code: 'NETWORK', retryable: true });
    expect(failures().map(({ next }) => next)).toEqual(['interrupted', 'retried', 'retried', 'failed']);
    expect(await worker.metric('vod_hold', { reason: 'outage' })).toBe(0);
  });
});

describe('an account refused by VOD', () => {
  it('holds all uploads, which continue on their own when it is fixed', async () => {
    inject({ effect: { kind: 'code', code: -10002, canRetry: 0, message: 'auth failed' }, share: 1 });
    const worker = await world().worker({ PART_ATTEMPTS: '1' }).ready();
    const [uploads] = await addSources('held', 30, 1000);
    await worker.line(({ msg }) => String(msg).startsWith('account refused'));
    expect(await worker.metric('vod_hold', { reason: 'account' })).toBe(1);
    const asked = stats().requests.strayPart.total;
    await expect.poll(() => stats().requests.strayPart.total).toBeGreaterThan(asked + 1);
    // Only key checks are sent.
    expect(stats().requests.InitUpload.total).toBe(0);
    const refused = await Promise.all(uploads.map((upload) => upload.status()));
    const message = expect.stringContaining('VOD_SECRET_KEY');
    for (const { progress } of refused)
      expect(progress.hold).toMatchObject({ kind: 'account', code: '-10002', message });
    expect(await world().uploads.list({ state: 'failed' })).toEqual([]);
    // A held upload can be cancelled.
    const [left, ...others] = uploads;
    expect(await world().uploads.cancel(left?.id ?? '')).toBe(true);
    await expect(left?.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    world().emulator.control.clearFaults();
    const results = await Promise.all(others.map((upload) => upload.result()));
    expect(results.every(({ outcome }) => outcome === 'completed')).toBe(true);
    await expect.poll(() => worker.metric('vod_hold', { reason: 'account' })).toBe(0);
    expect((await others[0]?.status())?.progress.hold).toBeUndefined();
  });

  it('is probed until it is fixed', async () => {
    const probes = 4;
    inject({ effect: { kind: 'code', code: 4300, canRetry: 0 }, count: 1 + probes });
    await world().worker({ PART_ATTEMPTS: '1', ACCOUNT_PROBE_MS: '50' }).ready();
    const [[upload]] = await addSources('probed', 1, 1000);
    expect((await upload?.result())?.outcome).toBe('completed');
    expect(stats().requests.strayPart.byResult['4300']).toBe(1 + probes);
    expect(stats().requests.InitUpload.byResult).toEqual({ '0': 1 });
  });
});

describe('a queue with a used-up quota', () => {
  it('starts no job while it is held, and spends no attempt', async () => {
    const connected = connect(world());
    const { part } = connected.queues;
    let calls = 0;
    const { worker } = await startConsumer(world(), connected, async () => {
      calls++;
      throw new QuotaHoldError(3_600_000);
    });
    for (const jobId of ['p1', 'p2']) await part.add('part', { uploadId: 'u1' }, { jobId, attempts: 1 });
    await expect.poll(() => part.getRateLimitTtl()).toBeGreaterThan(0);
    await expect.poll(() => part.getJobCountByTypes('active')).toBe(0);
    await worker.close();
    expect(calls).toBe(1);
    expect(await part.getJobCountByTypes('wait')).toBe(2);

    await part.removeRateLimitKey();
    await startConsumer(world(), connected, async () => 'sent');
    await expect.poll(() => part.getJobCountByTypes('completed')).toBe(2);
    for (const job of await part.getCompleted()) expect(job.attemptsMade).toBe(1);
  });
});

describe('a job whose worker is killed repeatedly', () => {
  it('fails with its own reason', async () => {
    const parts = gate({ action: 'UploadPart' });
    const first = await world().worker().ready();
    const upload = await world().uploads.add({ source: await source('killer.mp4', 10) });
    await parts.reached();
    await first.end('SIGKILL');
    // As if it had stalled twenty times before.
    await withQueue(world(), (redis, key) => redis.hset(key(`vod-part:${upload.id}-r1-p0`), 'stc', 20));
    await world().expireLocks();
    await world().worker().ready();
    await expect(upload.result()).rejects.toMatchObject({
      code: 'STALLED',
      message: expect.stringContaining('died or lost its lock too often'),
    });
  });
});
