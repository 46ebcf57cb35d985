import { createHash } from 'node:crypto';
import type { Hashed } from '../queue/jobs/hash.ts';
import type { RedisClient } from '../redis/client.ts';
import type { FileVersion } from '../source/source.ts';

/** Smaller files are not cached: hashing them is fast, and the entry would cost memory in Redis. */
const MIN_BYTES = 8 * 2 ** 20;
const KEEP_SECONDS = 6 * 3600;

/**
 * SHA-1s of recently hashed files, shared by all uploads and replicas: a file with the same path, size, mtime and ctime
 * is not read again.
 */
export class HashCache {
  readonly #redis: RedisClient;
  readonly #prefix: string;

  constructor(redis: RedisClient, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async find(path: string, version: FileVersion): Promise<Hashed | undefined> {
    if (version.size < MIN_BYTES) return undefined;
    const fileSha = await this.#redis.get(this.#key(path, version));
    return fileSha !== null && /^[0-9a-f]{40}$/.test(fileSha) ? { fileSha, version } : undefined;
  }

  async keep(path: string, { fileSha, version }: Required<Hashed>): Promise<void> {
    if (version.size < MIN_BYTES) return;
    await this.#redis.set(this.#key(path, version), fileSha, 'EX', KEEP_SECONDS);
  }

  #key(path: string, { size, mtimeNs, ctimeNs }: FileVersion): string {
    const identity = createHash('sha256')
      .update(`${path}\0${size}\0${mtimeNs}\0ctime ${ctimeNs}`)
      .digest('base64url');
    return `${this.#prefix}:vod-sha1:${identity}`;
  }
}
