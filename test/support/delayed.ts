import { Queue } from 'bullmq';
import { expect } from 'vitest';
import { QUEUES } from '../../src/queue/names.ts';
import { withQueue } from './seed.ts';
import type { World } from './world.ts';

/** BullMQ's scores are milliseconds times this, and more. */
const SCORE_PER_MS = 0x1000;
const DAY_MS = 86_400_000;

/**
 * Resolves when so many uploads wait for a time to come, because of another upload or a delay. That time is put off by a
 * day: they go on when somebody wakes them, and not before.
 */
export async function untilDelayed(world: World, count: number): Promise<void> {
  await withQueue(world, async (redis, key) => {
    await expect.poll(() => redis.zcard(key('vod-upload:delayed'))).toBe(count);
    const ids = await redis.zrange(key('vod-upload:delayed'), '0', '-1');
    const tomorrow = String((Date.now() + DAY_MS) * SCORE_PER_MS);
    for (const id of ids) await redis.zadd(key('vod-upload:delayed'), 'XX', tomorrow, id);
  });
}

/** Time passes for all uploads that wait for a time to come: it is there now. */
export async function promoteDelayed(world: World): Promise<void> {
  await withQueue(world, async (redis) => {
    const queue = new Queue(QUEUES.upload, { connection: redis, prefix: world.prefix });
    // One that has gone on by itself meanwhile needs nothing. BullMQ's own promoteJobs knows no priorities.
    for (const job of await queue.getDelayed()) await job.promote().catch(() => {});
  });
}
