import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { partPriority } from '../../src/queue/jobs.ts';
import { USUAL_STAGES } from '../../src/queue/names.ts';
import { oldestDueMs } from '../../src/queue/oldest.ts';
import { closeQueues, openQueues } from '../../src/queue/queues.ts';
import { parseMetrics, sumOf } from '../support/prometheus-text.ts';
import { useWorld } from '../support/use-world.ts';
import type { OpsProcess } from '../support/world.ts';

const { world, source, inject, stats } = useWorld();

async function metricsOf(ops: OpsProcess) {
  const series = parseMetrics(await (await fetch(`${ops.url}/metrics`)).text());
  return {
    value: (name: string, labels: Record<string, string> = {}) => sumOf(series, name, labels),
    has: (name: string) => series.some((one) => one.name === name),
  };
}

describe('the metrics of the queues', () => {
  it('say how many jobs are in which state, for how long, and who works on them', async () => {
    const ops = await world()
      .ops({ VOD_QUOTA_INIT_PER_MINUTE: '100', VOD_QUOTA_PART_PER_MINUTE: '' })
      .ready();
    const before = Date.now();
    for (const name of ['a', 'b', 'c']) {
      await world().uploads.add({
        source: await source(`${name}.mp4`, 1000),
        priority: name === 'a' ? 9 : 2,
      });
    }
    await world().uploads.add({ source: await source('later.mp4', 1000), delay: 3_600_000 });
    const waiting = await metricsOf(ops);
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
    expect(waiting.value('vod_quota_per_minute', { action: 'InitUpload' })).toBe(100);
    expect(waiting.value('vod_quota_per_minute', { action: 'UploadPart' })).toBe(10_000);
    expect(waiting.value('vod_redis_memory_used_bytes')).toBeGreaterThan(100_000);
    expect(waiting.has('vod_redis_memory_max_bytes')).toBe(true);

    const redis = new Redis(world().redisUrl);
    const queues = openQueues(redis, world().prefix, { producer: true });
    await queues.part.pause();
    const worker = await world().worker().ready();
    await expect
      .poll(async () => (await metricsOf(ops)).value('vod_queue_jobs', { queue: 'vod-part' }))
      .toBe(3);
    const paused = await metricsOf(ops);
    expect(paused.value('vod_queue_paused')).toBe(1);
    expect(paused.value('vod_queue_paused', { queue: 'vod-part' })).toBe(1);
    expect(paused.value('vod_queue_jobs', { queue: 'vod-part', state: 'prioritized' })).toBe(3);
    expect(paused.value('vod_queue_jobs', { ...upload, state: 'waiting-children' })).toBe(3);
    expect(paused.value('vod_queue_oldest_waiting_age_seconds', { queue: 'vod-part' })).toBeGreaterThan(0);
    for (const { name } of USUAL_STAGES.map((stage) => queues[stage])) {
      expect(paused.value('vod_queue_workers', { queue: name }), name).toBe(1);
    }
    await queues.part.resume();
    await expect
      .poll(async () => (await metricsOf(ops)).value('vod_queue_jobs', { ...upload, state: 'completed' }))
      .toBe(3);
    const done = await metricsOf(ops);
    expect(done.value('vod_queue_paused')).toBe(0);
    expect(done.value('vod_queue_oldest_waiting_age_seconds')).toBe(0);
    expect(stats().parts.accepted).toBe(3);
    await worker.end();
    await expect.poll(async () => (await metricsOf(ops)).value('vod_queue_workers')).toBe(0);
    await closeQueues(queues);
    redis.disconnect();
  });

  it('say when a queue waits after VOD has refused for quota', async () => {
    inject({ action: 'InitUpload', effect: { kind: 'code', code: 4400, canRetry: 0 } });
    const ops = await world().ops().ready();
    const worker = await world().worker().ready();
    const upload = await world().uploads.add({ source: await source('quota.mp4', 10) });
    await worker.line(({ next }) => next === 'held');
    await expect
      .poll(async () => (await metricsOf(ops)).value('vod_queue_rate_limited', { queue: 'vod-init' }))
      .toBe(1);
    expect((await metricsOf(ops)).value('vod_queue_rate_limited')).toBe(1);
    expect((await upload.result()).outcome).toBe('completed');
    expect((await metricsOf(ops)).value('vod_queue_rate_limited')).toBe(0);
  });

  it('are absent, not old, while Redis is away; the process lives and is not ready', async () => {
    const { redis } = world();
    if (redis === undefined) return;
    const ops = await world().ops().ready();
    expect((await fetch(`${ops.url}/readyz`)).status).toBe(200);
    expect((await metricsOf(ops)).has('vod_queue_jobs')).toBe(true);
    await redis.kill();
    await ops.line(({ msg }) => msg === 'redis is away; waiting for it');
    const away = await metricsOf(ops);
    for (const name of ['vod_queue_jobs', 'vod_queue_workers', 'vod_redis_memory_used_bytes']) {
      expect(away.has(name), name).toBe(false);
    }
    expect(away.value('vod_queue_poll_errors_total')).toBe(1);
    expect(away.value('vod_redis_connected')).toBe(0);
    expect((await fetch(`${ops.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${ops.url}/healthz`)).status).toBe(200);
    await redis.restart();
    await expect.poll(async () => (await metricsOf(ops)).has('vod_queue_jobs')).toBe(true);
    expect((await fetch(`${ops.url}/readyz`)).status).toBe(200);
  });

  it('can wait for a Redis that is not there yet, and ends in good time', async () => {
    const ops = world().ops({ REDIS_URL: 'redis://127.0.0.1:1' });
    await ops.line(({ msg }) => msg === 'redis is away; waiting for it');
    ops.child.kill('SIGTERM');
    expect((await ops.exited).code).toBe(0);
  });
});

describe('the ops process', () => {
  it('stops at SIGTERM, with open connections too', async () => {
    const ops = await world().ops().ready();
    const response = await fetch(`${ops.url}/healthz`, { headers: { connection: 'keep-alive' } });
    expect(await response.text()).toBe('ok\n');
    ops.child.kill('SIGTERM');
    expect((await ops.exited).code).toBe(0);
  });
});

describe('the job that has waited longest', () => {
  it('is found behind others of any priority, and is none that began or is not yet due', async () => {
    const redis = new Redis(world().redisUrl);
    const queues = openQueues(redis, world().prefix, { producer: true });
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
    // Parts of a film that came first, behind those of a clip.
    await part.add('film', {}, { priority: partPriority(5, 3000), timestamp: 40 * minute });
    await part.add('clip', {}, { priority: partPriority(5, 0), timestamp: 50 * minute });
    expect(await oldestDueMs(part, redis)).toBe(40 * minute);
    await closeQueues(queues);
    redis.disconnect();
  });
});
