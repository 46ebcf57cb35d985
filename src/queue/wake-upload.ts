import type { Job, Queue } from 'bullmq';
import type { RedisClient } from '../redis/client.ts';

/**
 * Moves an upload from `waiting-children` to the head of `wait`, as BullMQ does when a child fails; BullMQ has no method
 * for it. Atomic, because the upload may wake by itself at any time. An upload that has started has priority 0, so it
 * belongs in the `wait` list.
 */
const WAKE = `
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], 0, '0')
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 10000, '*', 'event', 'waiting', 'jobId', ARGV[1], 'prev', 'waiting-children')
return 1`;

/** Makes an upload active soon that waits for its children. @returns false if it does not wait for them */
export async function wakeWaitingParent(queue: Queue, redis: RedisClient, id: string): Promise<boolean> {
  const keys = ['waiting-children', 'wait', 'marker', 'events'].map((type) => queue.toKey(type));
  return (await redis.eval(WAKE, keys.length, ...keys, id)) === 1;
}

/**
 * Makes an upload active soon, whatever it waits for.
 * @returns false if it is active already, possibly without having seen the caller's change
 */
export async function wakeUpload(queue: Queue, redis: RedisClient, job: Job): Promise<boolean> {
  const id = job.id ?? '';
  switch (await job.getState()) {
    case 'waiting-children':
      return await wakeWaitingParent(queue, redis, id);
    case 'delayed':
      await job.changePriority({ priority: 0 });
      await job.promote();
      return true;
    case 'prioritized':
      await job.changePriority({ priority: 0, lifo: true });
      return true;
    case 'active':
      return false;
    default:
      return true;
  }
}
