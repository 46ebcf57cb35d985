import type { RedisClient } from '../redis/client.ts';

/** Of a file that is uploaded again and again, so many uploads are known, the latest. */
const MOST_UPLOADS = 100;

/**
 * Which uploads each video in VOD came from, so that what VOD tells of a `fileId` finds them. Several, when others had
 * the same content. Kept as long as the uploads themselves may be.
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
    await this.#redis
      .multi()
      .zadd(key, Date.now(), uploadId)
      .zremrangebyrank(key, 0, -MOST_UPLOADS - 1)
      .expire(key, this.#keepSeconds)
      .exec();
  }

  /** Some of them may be gone. */
  async uploadsOf(fileId: string): Promise<string[]> {
    return await this.#redis.zrange(this.#key(fileId), '0', '-1');
  }

  #key(fileId: string): string {
    return `${this.#prefix}:vod-file:${fileId}`;
  }
}
