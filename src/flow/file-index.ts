import type { RedisClient } from '../redis/client.ts';

/** Only the latest uploads of a file are kept. */
const MAX_UPLOADS = 100;

/**
 * Maps a `fileId` of VOD to its uploads, so that events of VOD find them. There are several if their files had the same
 * content. Kept as long as the uploads themselves may be kept.
 */
export class FileIndex {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #keepSeconds: number;

  constructor(redis: RedisClient, prefix: string, keepSeconds: number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#keepSeconds = keepSeconds;
  }

  async add(fileId: string, uploadId: string): Promise<void> {
    const key = this.#key(fileId);
    // Not a transaction: it can be repeated.
    await Promise.all([
      this.#redis.zadd(key, Date.now(), uploadId),
      this.#redis.zremrangebyrank(key, 0, -MAX_UPLOADS - 1),
      this.#redis.expire(key, this.#keepSeconds),
    ]);
  }

  /** Some of them may have been removed. */
  async uploadsOf(fileId: string): Promise<string[]> {
    return await this.#redis.zrange(this.#key(fileId), '0', '-1');
  }

  #key(fileId: string): string {
    return `${this.#prefix}:vod-file:${fileId}`;
  }
}
