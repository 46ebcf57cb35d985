import type { Queue } from 'bullmq';
import { PART_INDICES_PER_LEVEL, PRIORITY } from '../queue/jobs/priority.ts';
import type { RedisClient } from '../redis/client.ts';

/** BullMQ sorts prioritized jobs by priority × 2^32 + a counter that increases with each added job. */
export const COUNTER_RANGE = 2 ** 32;

/**
 * When the waiting job became due that has waited longest for its first start. Jobs that were started before are ignored:
 * they wait for something else. Exact for queues that use the uploads' priorities. Parts are also sorted by index, so
 * only the first and the last part of each priority level are read.
 * @returns milliseconds since 1970; undefined when no job waits for its first start
 */
export async function oldestDueMs(queue: Queue, redis: RedisClient): Promise<number | undefined> {
  const candidates = redis.pipeline().lrange(queue.toKey('wait'), -1, -1);
  for (let level = PRIORITY.first; level <= PRIORITY.last; level++) {
    for (const [from, to] of levelRanges(level)) {
      const [min, max] = [from * COUNTER_RANGE, `(${to * COUNTER_RANGE}`];
      candidates.zrangebyscore(queue.toKey('prioritized'), min, max, 'LIMIT', 0, 1);
      candidates.zrevrangebyscore(queue.toKey('prioritized'), max, min, 'LIMIT', 0, 1);
    }
  }
  const ids = new Set(((await candidates.exec()) ?? []).flatMap(([, reply]) => (reply ?? []) as string[]));
  const reads = redis.pipeline();
  for (const id of ids) reads.hmget(queue.toKey(id), 'timestamp', 'processedOn', 'opts');
  const jobs = ((await reads.exec()) ?? []).map(([, values]) => values as (string | null)[] | null);
  const dueMs = jobs.flatMap((values) => {
    const [timestamp, processedOn, opts] = values ?? [];
    return timestamp && !processedOn ? [Number(timestamp) + delayOf(opts)] : [];
  });
  return dueMs.length === 0 ? undefined : Math.min(...dueMs);
}

/** The ranges of BullMQ priorities for a level: the level itself for uploads and most children; by index for parts. */
function levelRanges(level: number): readonly (readonly [from: number, to: number])[] {
  return [
    [level, level + 1],
    [level * PART_INDICES_PER_LEVEL, (level + 1) * PART_INDICES_PER_LEVEL],
  ];
}

function delayOf(opts: string | null | undefined): number {
  try {
    const { delay } = JSON.parse(opts ?? '{}') as { delay?: unknown };
    return typeof delay === 'number' ? delay : 0;
  } catch {
    return 0;
  }
}
