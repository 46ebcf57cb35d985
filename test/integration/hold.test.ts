import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

const { world, source, inject, stats, download } = useWorld();

/** Takes the emulator's place while it is away: every connection is counted and reset. */
async function deadVod(port: number): Promise<{ server: Server; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.resetAndDestroy();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, connections: () => connections };
}

describe('an outage of VOD', () => {
  it('spends no attempt, is probed instead of hammered by all parts, and ends within seconds', async () => {
    // One attempt for everything: whatever is spent fails its upload.
    const workers = await Promise.all([1, 2].map(() => world().worker({ PART_ATTEMPTS: '1' }).ready()));
    inject({ action: 'UploadPart', effect: { kind: 'latency', ms: 300 }, share: 1 });
    const paths = await Promise.all([1, 2, 3].map((index) => source(`outage-${index}.mp4`, 20 * MIB)));
    const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
    await expect.poll(() => stats().parts.accepted).toBeGreaterThan(5);
    const port = Number(new URL(world().emulator.url).port);
    await world().stopEmulator();
    const dead = await deadVod(port);
    // Both replicas know, whichever of them saw it first.
    for (const worker of workers) {
      await expect.poll(() => worker.metric('vod_hold', { reason: 'outage' })).toBe(1);
    }
    const { progress } = (await uploads[0]?.status()) ?? {};
    expect(progress?.hold).toMatchObject({ kind: 'outage', code: expect.stringMatching(/NETWORK|TIMEOUT/) });
    const before = dead.connections();
    await expect.poll(() => dead.connections()).toBeGreaterThan(before + 3);
    // 60 parts wait; in three queues one job is let through per 200 ms.
    const probesPerSecond = await ratePerSecond(dead.connections);
    expect(probesPerSecond).toBeLessThan(20);
    await new Promise((resolve) => dead.server.close(resolve));
    const backAt = performance.now();
    await world().startEmulator();
    const acceptedBefore = stats().parts.accepted;
    await expect.poll(() => stats().parts.accepted).toBeGreaterThan(acceptedBefore + 10);
    expect(performance.now() - backAt).toBeLessThan(10_000);
    const results = await Promise.all(uploads.map((upload) => upload.result()));
    for (const [index, { url }] of results.entries()) {
      expect((await download(url)).equals(await readFile(paths[index] ?? ''))).toBe(true);
    }
    for (const upload of uploads)
      expect(await upload.status()).toMatchObject({ state: 'completed', attempt: 1 });
    for (const worker of workers) {
      await expect.poll(() => worker.metric('vod_hold', { reason: 'outage' })).toBe(0);
    }
    const tellers = workers.filter(({ lines }) =>
      lines.some(({ msg }) => String(msg).startsWith('vod is out')),
    );
    expect(tellers).toHaveLength(1);
  });

  it('is not what one part in trouble is: that part spends its attempts', async () => {
    inject({ action: 'UploadPart', effect: { kind: 'reset', when: 'before' }, share: 1, offset: 2 * MIB });
    await world().worker({ PART_ATTEMPTS: '3', PART_CONCURRENCY: '2' }).ready();
    inject({ action: 'UploadPart', effect: { kind: 'latency', ms: 100 }, share: 1 });
    const path = await source('one-part.mp4', 40 * MIB);
    const upload = await world().uploads.add({ source: path });
    await expect(upload.result()).rejects.toMatchObject({ code: 'NETWORK', retryable: true });
  });
});

async function ratePerSecond(count: () => number): Promise<number> {
  const [from, startedAt] = [count(), performance.now()];
  await expect.poll(count).toBeGreaterThan(from + 10);
  return ((count() - from) * 1000) / (performance.now() - startedAt);
}

describe('an account that VOD refuses', () => {
  it.each([4100, -10002])(
    'with %i holds all uploads instead of failing them, and they go on by themselves when it is mended',
    async (code) => {
      inject({ effect: { kind: 'code', code, canRetry: 0, message: 'auth failed' }, share: 1 });
      const worker = await world().worker({ PART_ATTEMPTS: '1' }).ready();
      const paths = await Promise.all(
        [...Array(30).keys()].map((index) => source(`held-${code}-${index}.mp4`, 1000)),
      );
      const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
      await worker.line(({ msg }) => String(msg).startsWith('account refused'));
      expect(await worker.metric('vod_hold', { reason: 'account' })).toBe(1);
      const asked = stats().requests.strayPart.total;
      await expect.poll(() => stats().requests.strayPart.total).toBeGreaterThan(asked + 1);
      // It only asks whether its key is right again.
      expect(stats().requests.InitUpload.total).toBe(0);
      expect((await uploads[0]?.status())?.progress.hold).toMatchObject({
        kind: 'account',
        code: String(code),
        message: expect.stringContaining('VOD_SECRET_KEY'),
      });
      expect(await world().uploads.list({ state: 'failed' })).toEqual([]);
      world().emulator.control.clearFaults();
      const results = await Promise.all(uploads.map((upload) => upload.result()));
      expect(results.every(({ outcome }) => outcome === 'completed')).toBe(true);
      await expect.poll(() => worker.metric('vod_hold', { reason: 'account' })).toBe(0);
      expect((await uploads[0]?.status())?.progress.hold).toBeUndefined();
    },
  );

  it('can be left by cancelling', async () => {
    inject({ effect: { kind: 'code', code: 4300, canRetry: 0 }, share: 1 });
    const worker = await world().worker({ ACCOUNT_PROBE_MS: '60000' }).ready();
    const upload = await world().uploads.add({ source: await source('leave.mp4', 1000) });
    await worker.line(({ msg }) => String(msg).startsWith('account refused'));
    const startedAt = performance.now();
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a job whose worker dies again and again', () => {
  it('is stopped with a reason of its own', async () => {
    inject({ action: 'UploadPart', effect: { kind: 'hang', when: 'before' }, share: 1 });
    const first = await world().worker().ready();
    const upload = await world().uploads.add({ source: await source('killer.mp4', 10) });
    await expect.poll(() => stats().requests.UploadPart.total).toBe(1);
    await first.end('SIGKILL');
    const { Redis } = await import('ioredis');
    const redis = new Redis(world().redisUrl);
    // As if it had happened twenty times before.
    await redis.hset(`${world().prefix}:vod-part:${upload.id}-r1-p0`, 'stc', 20);
    redis.disconnect();
    await world().worker().ready();
    await expect(upload.result()).rejects.toMatchObject({
      code: 'STALLED',
      message: expect.stringContaining('died or stopped answering too often'),
    });
  });
});
