import type { Queue } from 'bullmq';
import { wakeUpload } from '../queue/wake-upload.ts';
import type { RedisClient } from '../redis/client.ts';

/** How long after a success other uploads of the same content need no lock, because VOD has it. */
const DONE_MS = 60_000;
/** The keys of uploads that were removed before they ended expire after this time. */
const KEEP_MS = 7 * 86_400_000;

/**
 * A holder counts while its upload has neither ended nor been removed: BullMQ sets `finishedOn` when a job completes or
 * fails, and a retry deletes it. An upload that has ended gets no lock: its worker was frozen in the meantime.
 */
const ACQUIRE = `
local own = redis.call('HMGET', ARGV[2] .. ARGV[1], 'timestamp', 'finishedOn')
if not own[1] or own[2] then return ARGV[1] end
local holder = redis.call('GET', KEYS[1])
if holder == 'done' then return ARGV[1] end
if holder and holder ~= ARGV[1] then
  local job = redis.call('HMGET', ARGV[2] .. holder, 'timestamp', 'finishedOn')
  if job[1] and not job[2] then
    redis.call('SADD', KEYS[2], ARGV[1])
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
    return holder
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
redis.call('SREM', KEYS[2], ARGV[1])
return ARGV[1]`;

/** Returns the uploads to wake: after a success all that wait, after a failure one of them. */
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  redis.call('SREM', KEYS[2], ARGV[1])
  return {}
end
if ARGV[2] == 'done' then
  redis.call('SET', KEYS[1], 'done', 'PX', ARGV[3])
  return redis.call('SPOP', KEYS[2], 1000000)
end
redis.call('DEL', KEYS[1])
return redis.call('SPOP', KEYS[2], 1)`;

/**
 * A lock per content: of all uploads of the same content, on any path and replica, one sends it and the others wait. When
 * it succeeds the others complete as instant uploads; when it fails one of them takes over.
 */
export class SenderLocks {
  readonly #uploads: Queue;
  readonly #redis: RedisClient;
  readonly #prefix: string;

  /** @param uploads the queue of upload jobs */
  constructor(uploads: Queue, redis: RedisClient, prefix: string) {
    this.#uploads = uploads;
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /**
   * Acquires the lock, or waits for its holder.
   * @returns the id of the holder: `uploadId`, or another upload, which wakes this one when it ends
   */
  async acquire(fileSha: string, uploadId: string): Promise<string> {
    const jobPrefix = this.#uploads.toKey('');
    const keys = this.#keys(fileSha);
    return (await this.#redis.eval(ACQUIRE, keys.length, ...keys, uploadId, jobPrefix, KEEP_MS)) as string;
  }

  /** Releases the lock and wakes uploads that wait for it. An upload that waits itself stops waiting. */
  async release(fileSha: string, uploadId: string, outcome: 'done' | 'failed'): Promise<void> {
    const keys = this.#keys(fileSha);
    const waiting = await this.#redis.eval(RELEASE, keys.length, ...keys, uploadId, outcome, DONE_MS);
    for (const id of waiting as string[]) {
      const job = await this.#uploads.getJob(id);
      // If the upload has woken by itself in the meantime, BullMQ can't promote it.
      if (job !== undefined) await wakeUpload(this.#uploads, this.#redis, job).catch(() => false);
    }
  }

  #keys(fileSha: string): [string, string] {
    return [`${this.#prefix}:vod-sender:${fileSha}`, `${this.#prefix}:vod-sender-waiting:${fileSha}`];
  }
}
