import { Queue } from 'bullmq';
import { expect } from 'vitest';
import { QUEUES } from '../../src/queue/names.ts';
import { withQueue } from './seed.ts';
import type { World } from './world.ts';

/** BullMQ's score of a delayed job is its time in milliseconds times this, plus a counter. */
const SCORE_PER_MS = 0x1000;
const DAY_MS = 86_400_000;

/**
 * Resolves when `count` uploads are delayed, by another upload or a delay. Postpones them by a day, so that they only
 * continue when something wakes them.
 */
export async function untilDelayed(world: World, count: number): Promise<void> {
  await withQueue(world, async (redis, key) => {
    await expect.poll(() => redis.zcard(key('vod-upload:delayed'))).toBe(count);
    const ids = await redis.zrange(key('vod-upload:delayed'), '0', '-1');
    const tomorrow = String((Date.now() + DAY_MS) * SCORE_PER_MS);
    for (const id of ids) await redis.zadd(key('vod-upload:delayed'), 'XX', tomorrow, id);
  });
}

/** Promotes all delayed uploads, as if their time had come. */
export async function promoteDelayed(world: World): Promise<void> {
  await withQueue(world, async (redis) => {
    const queue = new Queue(QUEUES.upload, { connection: redis, prefix: world.prefix });
    // Ignores jobs that have been woken meanwhile. BullMQ's promoteJobs ignores priorities.
    for (const job of await queue.getDelayed()) await job.promote().catch(() => {});
  });
}
