import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Cleanup } from './cleanup.ts';
import { startRedisServer } from './redis-server.ts';

interface DemoRedis {
  readonly url: string;
  readonly prefix: string;
  readonly died: Promise<never>;
}

/**
 * The Redis at `url` with a random key prefix, or a private one.
 * @param options.dir data directory of a private Redis
 */
export async function demoRedis(options: {
  readonly url: string | undefined;
  readonly dir: string;
  readonly cleanups: Cleanup[];
  readonly signal: AbortSignal;
}): Promise<DemoRedis> {
  const { url, dir, cleanups, signal } = options;
  if (url !== undefined && url !== '') {
    const prefix = `{vod-demo-${randomBytes(6).toString('hex')}}`;
    cleanups.push(() => removeKeys(url, prefix));
    return { url, prefix, died: new Promise(() => {}) };
  }
  const server = await startRedisServer({ dir, signal });
  cleanups.push(() => server.stop());
  return { url: server.url, prefix: '{vod-demo}', died: server.died };
}

async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on('error', () => {});
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 }) as AsyncIterable<
      string[]
    >) {
      if (keys.length > 0) await redis.unlink(...keys);
    }
  } finally {
    redis.disconnect();
  }
}
