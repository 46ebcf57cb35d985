import type { Queue } from 'bullmq';
import { abortChannel } from '../queue/names.ts';
import type { RedisClient } from '../redis/client.ts';

/**
 * Flags in the hash of an upload's job in Redis, besides BullMQ's own fields, for all replicas. The value of a flag is the
 * attempt that it is for, so that it does not affect a retry of the upload.
 *
 * - `stop`: children of this attempt must not start.
 * - `cancel`: the attempt ends as cancelled.
 *
 * Fields of BullMQ: `timestamp` exists as long as the job does, `atm` counts the attempts that have ended.
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

  /** Whether children of this attempt should still run. One round trip. */
  async isActive(uploadId: string, attempt: number): Promise<boolean> {
    const [timestamp, ended, stop] = await this.#redis.hmget(this.#key(uploadId), 'timestamp', 'atm', 'stop');
    return timestamp !== null && Number(ended ?? 0) + 1 === attempt && stop !== String(attempt);
  }

  async isCancelled(uploadId: string, attempt: number): Promise<boolean> {
    return (await this.#redis.hget(this.#key(uploadId), 'cancel')) === String(attempt);
  }

  /** Keeps children of this attempt from starting, and aborts the active ones, on every replica. */
  async stop(uploadId: string, attempt: number): Promise<void> {
    await this.#redis.hset(this.#key(uploadId), 'stop', attempt);
    await this.#redis.publish(this.#channel, uploadId);
  }

  /** Does what {@link stop} does, and ends the attempt as cancelled. */
  async cancel(uploadId: string, attempt: number): Promise<void> {
    await this.#redis.hset(this.#key(uploadId), 'cancel', attempt, 'stop', attempt);
    await this.#redis.publish(this.#channel, uploadId);
  }

  #key(uploadId: string): string {
    return this.#uploads.toKey(uploadId);
  }
}
