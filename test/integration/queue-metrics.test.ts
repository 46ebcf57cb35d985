import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partPriority } from '../../src/queue/jobs/priority.ts';
import { DEFAULT_STAGES } from '../../src/queue/names.ts';
import { closeQueues, openQueues, type Queues } from '../../src/queue/queues.ts';
import { oldestDueMs } from '../../src/status/oldest-due.ts';
import { parseMetrics, sumOf } from '../support/prometheus-text.ts';
import { useOps } from '../support/use-ops.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source, inject, stats } = useWorld({ ownRedis: true });
const ops = useOps(world, { VOD_QUOTA_INIT_PER_MINUTE: '100', VOD_QUOTA_PART_PER_MINUTE: '' });

let redis: Redis;
let queues: Queues;
beforeAll(() => {
  redis = new Redis(world().redisUrl);
  queues = openQueues(redis, world().prefix, { producer: true });
});
afterAll(async () => {
  await closeQueues(queues);
  redis.disconnect();
});

async function scrape() {
  const series = parseMetrics(await (await fetch(`${ops().url}/metrics`)).text());
  return {
    value: (name: string, labels: Record<string, string> = {}) => sumOf(series, name, labels),
    has: (name: string) => series.some((one) => one.name === name),
  };
}

describe('queue metrics', () => {
  it('show the number of jobs by state, the longest wait, and the workers', async () => {
    const before = Date.now();
    for (const name of ['a', 'b', 'c']) {
      await world().uploads.add({
        source: await source(`${name}.mp4`, 1000),
        priority: name === 'a' ? 9 : 2,
      });
    }
    await world().uploads.add({ source: await source('later.mp4', 1000), delay: 3_600_000 });
    const waiting = await scrape();
    const upload = { queue: 'vod-upload' };
    expect(waiting.value('vod_queue_jobs', { ...upload, state: 'prioritized' })).toBe(3);
    expect(waiting.value('vod_queue_jobs', { ...upload, state: 'delayed' })).toBe(1);
    expect(waiting.value('vod_queue_jobs', { queue: 'vod-part' })).toBe(0);
    const age = waiting.value('vod_queue_oldest_waiting_age_seconds', upload);
    expect(age).toBeGreaterThan(0);
    expect(age).toBeLessThanOrEqual((Date.now() - before) / 1000);
    expect(waiting.value('vod_queue_oldest_waiting_age_seconds', { queue: 'vod-part' })).toBe(0);
    expect(waiting.value('vod_queue_workers')).toBe(0);
    expect(waiting.value('vod_queue_paused')).toBe(0);
    expect(waiting.value('vod_quota_limit', { action: 'InitUpload' })).toBe(100);
    expect(waiting.value('vod_quota_limit', { action: 'UploadPart' })).toBe(10_000);
    expect(waiting.value('vod_quota_used')).toBe(0);
    expect(waiting.value('vod_redis_memory_used_bytes')).toBeGreaterThan(100_000);
    expect(waiting.has('vod_redis_memory_max_bytes')).toBe(true);

    await queues.part.pause();
    const env = { VOD_QUOTA_INIT_PER_MINUTE: '100', VOD_QUOTA_PART_PER_MINUTE: '10000' };
    const worker = await world().worker(env).ready();
    await expect
      .poll(async () => {
        const now = await scrape();
        return {
          parts: now.value('vod_queue_jobs', { queue: 'vod-part', state: 'prioritized' }),
          uploads: now.value('vod_queue_jobs', { ...upload, state: 'waiting-children' }),
          workers: DEFAULT_STAGES.map((stage) =>
            now.value('vod_queue_workers', { queue: queues[stage].name }),
          ),
        };
      })
      .toEqual({ parts: 3, uploads: 3, workers: DEFAULT_STAGES.map(() => 1) });
    const paused = await scrape();
    expect(paused.value('vod_queue_paused')).toBe(1);
    expect(paused.value('vod_queue_paused', { queue: 'vod-part' })).toBe(1);
    expect(paused.value('vod_queue_oldest_waiting_age_seconds', { queue: 'vod-part' })).toBeGreaterThan(0);
    await queues.part.resume();
    await expect
      .poll(async () => (await scrape()).value('vod_queue_jobs', { ...upload, state: 'completed' }))
      .toBe(3);
    const done = await scrape();
    expect(done.value('vod_queue_paused')).toBe(0);
    expect(done.value('vod_queue_oldest_waiting_age_seconds')).toBe(0);
    expect(stats().parts.accepted).toBe(3);
    // The check of the key is an UploadPart, too. A permit that was taken in advance is given back.
    const used = async () => {
      const now = await scrape();
      return ['InitUpload', 'UploadPart', 'FinishUpload'].map((action) =>
        now.value('vod_quota_used', { action }),
      );
    };
    await expect.poll(used).toEqual([3, 4, 0]);
    await worker.end();
    await expect.poll(async () => (await scrape()).value('vod_queue_workers')).toBe(0);
  });

  it('show when a queue is held after a quota error', async () => {
    inject({ action: 'InitUpload', effect: { kind: 'code', code: 4400, canRetry: 0 } });
    const worker = await world().worker().ready();
    const upload = await world().uploads.add({ source: await source('quota.mp4', 10) });
    await worker.line(({ next }) => next === 'held');
    // Longer than the test.
    const hold = queues.init.toKey('limiter');
    await expect.poll(() => redis.pexpire(hold, 3_600_000)).toBe(1);
    const limited = async () => {
      const { value } = await scrape();
      return [value('vod_queue_rate_limited', { queue: 'vod-init' }), value('vod_queue_rate_limited')];
    };
    await expect.poll(limited).toEqual([1, 1]);
    // This worker would wait until the end of the hold.
    await worker.end('SIGTERM');
    await queues.init.removeRateLimitKey();
    await redis.del(`${world().prefix}:vod-quota:InitUpload`);
    await world().worker().ready();
    expect((await upload.result()).outcome).toBe('completed');
    await expect.poll(limited).toEqual([0, 0]);
  });

  it.skipIf(process.env.REDIS_URL)(
    'are absent, not old, while Redis is away, and ops is not ready',
    async () => {
      const statusOf = async (path: string) => (await fetch(`${ops().url}${path}`)).status;
      expect(await statusOf('/readyz')).toBe(200);
      expect((await scrape()).has('vod_queue_jobs')).toBe(true);
      await world().redis?.kill();
      await ops().line(({ msg }) => msg === 'redis is unreachable; waiting for it');
      await expect.poll(async () => (await scrape()).value('vod_queue_poll_errors_total')).toBe(1);
      const away = await scrape();
      for (const name of ['vod_queue_jobs', 'vod_queue_workers', 'vod_redis_memory_used_bytes']) {
        expect(away.has(name), name).toBe(false);
      }
      expect(away.value('vod_redis_connected')).toBe(0);
      expect(await statusOf('/readyz')).toBe(503);
      expect(await statusOf('/healthz')).toBe(200);
      await world().redis?.restart();
      await expect.poll(async () => (await scrape()).has('vod_queue_jobs')).toBe(true);
      expect(await statusOf('/readyz')).toBe(200);
    },
  );

  it('waits for an unavailable Redis, and stops in time', async () => {
    const early = world().ops({ REDIS_URL: 'redis://127.0.0.1:1' });
    await early.line(({ msg }) => msg === 'redis is unreachable; waiting for it');
    expect((await early.end('SIGTERM')).code).toBe(0);
  });
});

describe('the ops process', () => {
  it('stops at SIGTERM even with open connections', async () => {
    const leaving = await world().ops().ready();
    const response = await fetch(`${leaving.url}/healthz`, { headers: { connection: 'keep-alive' } });
    expect(await response.text()).toBe('ok\n');
    expect((await leaving.end('SIGTERM')).code).toBe(0);
  });
});

describe('the job that has waited the longest', () => {
  it('is found behind jobs of any priority; started and delayed jobs don’t count', async () => {
    const { upload, part } = queues;
    expect(await oldestDueMs(upload, redis)).toBeUndefined();
    const minute = 60_000;
    await upload.add('new', {}, { priority: 1, timestamp: 50 * minute });
    await upload.add('old and unimportant', {}, { priority: 10, timestamp: 30 * minute });
    await upload.add('older, but not due', {}, { delay: 1_000_000, timestamp: 10 * minute });
    const begun = await upload.add('woken', {}, { timestamp: minute });
    await redis.hset(upload.toKey(begun.id ?? ''), 'processedOn', 2 * minute);
    expect(await oldestDueMs(upload, redis)).toBe(30 * minute);
    await upload.add('due after its delay', {}, { delay: 5, timestamp: 20 * minute, priority: 5 });
    const [delayed] = await upload.getDelayed(0, 0);
    await delayed?.promote();
    expect(await oldestDueMs(upload, redis)).toBe(20 * minute + 5);
    // Earlier parts of a film, behind those of a clip.
    await part.add('film', {}, { priority: partPriority(5, 3000), timestamp: 40 * minute });
    await part.add('clip', {}, { priority: partPriority(5, 0), timestamp: 50 * minute });
    expect(await oldestDueMs(part, redis)).toBe(40 * minute);
  });
});
