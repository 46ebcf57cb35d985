import type { TestProject } from 'vitest/node';
import { startRedisServer } from '../../src/demo/redis-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A Redis shared by all test files of a run, each with its own key prefix. */
    redisUrl: string | undefined;
  }
}

/** Starts the shared Redis before the first file, unless REDIS_URL is set. */
// biome-ignore lint/style/noDefaultExport: vitest loads a global set-up by its default export
export default async function setUp(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (process.env.REDIS_URL) return undefined;
  const redis = await startRedisServer();
  project.provide('redisUrl', redis.url);
  return () => redis.stop();
}
