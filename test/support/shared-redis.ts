import type { TestProject } from 'vitest/node';
import { startRedisServer } from '../../src/demo/redis-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of a Redis that all files of the run share, each with a key prefix of its own. */
    redisUrl: string | undefined;
  }
}

/** Starts it before the first file; a Redis of REDIS_URL takes its place. */
// biome-ignore lint/style/noDefaultExport: vitest loads a global set-up by its default export
export default async function setUp(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.REDIS_URL) return undefined;
  const redis = await startRedisServer();
  project.provide('redisUrl', redis.url);
  return () => redis.stop();
}
