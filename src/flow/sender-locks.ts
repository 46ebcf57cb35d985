import type { Queue } from 'bullmq';
import { wakeUpload } from '../queue/wake-upload.ts';
import type { RedisClient } from '../redis/client.ts';

/** After a success others of the same content need not go one by one any more: VOD has it. */
const DONE_MS = 60_000;
/** Keys of uploads that vanished without an end go by themselves. */
const KEEP_MS = 7 * 86_400_000;

/**
 * A holder counts as long as its upload has neither ended nor been removed: BullMQ sets `finishedOn` at either end, and
 * a retry takes it away. One that has ended claims nothing: it is a worker that was frozen meanwhile.
 */
const CLAIM = `
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

/** @returns the uploads to wake: all that wait after a success, one of them after a failure. */
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  redis.call('SREM', KEYS[2], ARGV[1])
  return {}
end
if ARGV[2] == 'done' then
  redis.call('SET', KEYS[1], 'done', 'PX', ARGV[3])
  local waiting = redis.call('SMEMBERS', KEYS[2])
  redis.call('DEL', KEYS[2])
  return waiting
end
redis.call('DEL', KEYS[1])
return redis.call('SPOP', KEYS[2], 1)`;

/**
 * One file, one transfer: of all uploads of the same content, whatever their paths and replicas, one sends and the
 * others wait for it. When it succeeds they complete by instant upload; when it fails one of them takes over.
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
   * Asks to be the one that sends this content.
   * @returns the id of the one that is: the caller's own, or another's, whose end will wake the caller
   */
  async acquire(fileSha: string, uploadId: string): Promise<string> {
    const jobPrefix = this.#uploads.toKey('');
    const keys = this.#keys(fileSha);
    return (await this.#redis.eval(CLAIM, keys.length, ...keys, uploadId, jobPrefix, KEEP_MS)) as string;
  }

  /** Lets go of what {@link acquire} gave, be it a place among those that wait, and wakes those that wait for it. */
  async release(fileSha: string, uploadId: string, outcome: 'done' | 'failed'): Promise<void> {
    const keys = this.#keys(fileSha);
    const waiting = await this.#redis.eval(RELEASE, keys.length, ...keys, uploadId, outcome, DONE_MS);
    for (const id of waiting as string[]) {
      const job = await this.#uploads.getJob(id);
      // One that has gone on by itself meanwhile can't be promoted, and needn't be.
      if (job !== undefined) await wakeUpload(this.#uploads, this.#redis, job).catch(() => false);
    }
  }

  #keys(fileSha: string): [string, string] {
    return [`${this.#prefix}:vod-sender:${fileSha}`, `${this.#prefix}:vod-sender-waiting:${fileSha}`];
  }
}
