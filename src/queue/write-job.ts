import type { Queue } from 'bullmq';
import type { RedisClient } from '../redis/client.ts';

/** Changes of a job that is active, or of its log. */
export interface JobChange {
  readonly data?: object;
  /** Also reported as an event. */
  readonly progress?: object;
  /** Takes effect when the job waits the next time. */
  readonly priority?: number;
  /** A row for the job's log. */
  readonly row?: string;
}

/** Only the latest rows of a job's log are kept. */
const MAX_ROWS = 500;

/**
 * KEYS[1]: the job, KEYS[2]: its log, KEYS[3]: the events of its queue. ARGV: job id, progress and row ('' = none), the
 * maximum number of rows, fields with their values. Writes what BullMQ's scripts updateData, updateProgress, changePriority
 * and addLog write.
 */
const WRITE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if #ARGV > 4 then redis.call('HSET', KEYS[1], unpack(ARGV, 5)) end
if ARGV[2] ~= '' then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'event', 'progress', 'jobId', ARGV[1], 'data', ARGV[2])
end
if ARGV[3] ~= '' and redis.call('RPUSH', KEYS[2], ARGV[3]) > tonumber(ARGV[4]) then
  redis.call('LTRIM', KEYS[2], -ARGV[4], -1)
end
return 1`;

/**
 * Writes all changes in one command; BullMQ has one for each.
 * @returns whether the job exists; nothing is written otherwise
 */
export async function writeJob(
  queue: Queue,
  redis: RedisClient,
  id: string,
  { data, progress, priority, row = '' }: JobChange,
): Promise<boolean> {
  const key = queue.toKey(id);
  const keys = [key, `${key}:logs`, queue.toKey('events')];
  const progressJson = progress === undefined ? '' : JSON.stringify(progress);
  const fields = [
    ...(data === undefined ? [] : ['data', JSON.stringify(data)]),
    ...(progress === undefined ? [] : ['progress', progressJson]),
    ...(priority === undefined ? [] : ['priority', priority]),
  ];
  return (await redis.eval(WRITE, keys.length, ...keys, id, progressJson, row, MAX_ROWS, ...fields)) === 1;
}
