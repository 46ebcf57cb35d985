import { z } from 'zod';
import type { StoredVideo } from '../backend/backend.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { fileIdSchema } from '../vod/wire/file-id.ts';

const video = z.object({ fileId: fileIdSchema, url: z.string().nullable() });

/** The videos that uploads have made, by the SHA-1 of their files, for services that do not know this themselves. */
export class ContentIndex {
  readonly #redis: RedisClient;
  readonly #prefix: string;
  readonly #keepSeconds: number;

  /** @param keepSeconds how long a video is found */
  constructor(redis: RedisClient, prefix: string, keepSeconds: number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#keepSeconds = keepSeconds;
  }

  async keep(fileSha: string, { fileId, url }: StoredVideo): Promise<void> {
    await this.#redis.set(this.#key(fileSha), JSON.stringify({ fileId, url }), 'EX', this.#keepSeconds);
  }

  async find(fileSha: string): Promise<StoredVideo | undefined> {
    const json = await this.#redis.get(this.#key(fileSha));
    return json === null ? undefined : video.safeParse(parseJsonOr<unknown>(undefined, json)).data;
  }

  #key(fileSha: string): string {
    return `${this.#prefix}:vod-content:${fileSha}`;
  }
}
