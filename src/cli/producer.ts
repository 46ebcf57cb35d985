import type { Config } from '../config.ts';
import type { VodUploads } from '../index.ts';

/** Runs `use` with a producer for this configuration, and closes that afterwards. */
export async function withProducer<T>(
  config: Config,
  use: (uploads: VodUploads) => Promise<T>,
  sourceRoots?: readonly string[],
): Promise<T> {
  // Loaded only by commands that talk to Redis: it takes a while.
  const { VodUploads } = await import('../index.ts');
  const uploads = new VodUploads({
    connection: config.redisUrl,
    ...(config.redisCa !== undefined && { ca: config.redisCa }),
    prefix: config.queuePrefix,
    ...(sourceRoots !== undefined && { sourceRoots }),
  });
  try {
    return await use(uploads);
  } finally {
    await uploads.close();
  }
}
