import type { Queue } from 'bullmq';
import { abortChannel } from '../queue/names.ts';
import type { RedisClient } from '../redis/client.ts';

/**
 * AbortFlags on an upload's job in Redis, beside BullMQ's own fields, that every replica sees at once. Each names the
 * attempt that it is for, so that none outlives it: a retried upload is a new attempt.
 *
 * - stop: children of this attempt must not begin.
 * - cancel: the attempt is to end as cancelled.
 *
 * BullMQ's own: `timestamp` is there as long as the job is, `atm` counts the attempts that have ended.
 */
export class AbortFlags {
  readonly #uploads: Queue;
  readonly #redis: RedisClient;
  readonly #channel: string;

  /** @param uploads the queue of upload jobs */
  constructor(uploads: Queue, redis: RedisClient, prefix: string) {
    this.#uploads = uploads;
    this.#redis = redis;
    this.#channel = abortChannel(prefix);
  }

  /** Whether a child of this attempt still has something to do. One round trip. */
  async isActive(uploadId: string, attempt: number): Promise<boolean> {
    const [timestamp, ended, stop] = await this.#redis.hmget(this.#key(uploadId), 'timestamp', 'atm', 'stop');
    return timestamp !== null && Number(ended ?? 0) + 1 === attempt && stop !== String(attempt);
  }

  async isCancelled(uploadId: string, attempt: number): Promise<boolean> {
    return (await this.#redis.hget(this.#key(uploadId), 'cancel')) === String(attempt);
  }

  /** Keeps children of this attempt from beginning, and aborts those at work, on every replica. */
  async stop(uploadId: string, attempt: number): Promise<void> {
    await this.#redis.hset(this.#key(uploadId), 'stop', attempt);
    await this.#redis.publish(this.#channel, uploadId);
  }

  /** Like {@link stop}, and the attempt will end as cancelled. */
  async cancel(uploadId: string, attempt: number): Promise<void> {
    await this.#redis.hset(this.#key(uploadId), 'cancel', attempt, 'stop', attempt);
    await this.#redis.publish(this.#channel, uploadId);
  }

  #key(uploadId: string): string {
    return this.#uploads.toKey(uploadId);
  }
}
