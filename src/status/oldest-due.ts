import type { Queue } from 'bullmq';
import { PART_INDICES_PER_LEVEL, PRIORITY } from '../queue/jobs/priority.ts';
import type { RedisClient } from '../redis/client.ts';

/** BullMQ sorts prioritized jobs by priority × 2^32 plus a counter that rises with each job added. */
const COUNTER_RANGE = 2 ** 32;

/**
 * Since when the job is due that has waited longest for its first start: a job that was started before waits for
 * something else. Exact for queues whose priorities are the uploads' own; parts are sorted by index as well, and of them
 * those at both ends of each priority level are looked at.
 * @returns milliseconds since 1970; undefined when no such job waits
 */
export async function oldestDueMs(queue: Queue, redis: RedisClient): Promise<number | undefined> {
  const first = redis.pipeline().lrange(queue.toKey('wait'), -1, -1);
  for (let level = PRIORITY.first; level <= PRIORITY.last; level++) {
    for (const [from, to] of levelRanges(level)) {
      const [min, max] = [from * COUNTER_RANGE, `(${to * COUNTER_RANGE}`];
      first.zrangebyscore(queue.toKey('prioritized'), min, max, 'LIMIT', 0, 1);
      first.zrevrangebyscore(queue.toKey('prioritized'), max, min, 'LIMIT', 0, 1);
    }
  }
  const ids = new Set(((await first.exec()) ?? []).flatMap(([, found]) => (found ?? []) as string[]));
  const second = redis.pipeline();
  for (const id of ids) second.hmget(queue.toKey(id), 'timestamp', 'processedOn', 'opts');
  const jobs = ((await second.exec()) ?? []).map(([, values]) => values as (string | null)[] | null);
  const dueMs = jobs.flatMap((values) => {
    const [timestamp, processedOn, opts] = values ?? [];
    return timestamp && !processedOn ? [Number(timestamp) + delayOf(opts)] : [];
  });
  return dueMs.length === 0 ? undefined : Math.min(...dueMs);
}

/** The priorities that jobs of a level can have: uploads and most children the level itself, parts one by index. */
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
