import { printable } from '../base/printable.ts';
import type { Config } from '../config/config.ts';
import type { VodUploads } from '../index.ts';
import type { StoredLimits } from '../limits/stored-limits.ts';
import { startTracing } from '../telemetry/tracing.ts';
import type { CliContext } from '../terminal/context.ts';

/** Runs `use` with a producer, and closes it afterwards. */
export async function withProducer<T>(
  config: Config,
  use: (uploads: VodUploads) => Promise<T>,
  sourceRoots?: readonly string[],
): Promise<T> {
  // Loaded only by commands that use Redis, because loading takes a while.
  const { VodUploads } = await import('../client/vod-uploads.ts');
  const { connectionOptions } = await import('../client/vod-uploads-options.ts');
  const uploads = new VodUploads({
    ...connectionOptions(config.redis),
    prefix: config.queuePrefix,
    api: config.vod.api,
    allowPrivateWebhooks: config.webhooks.allowPrivate,
    ...(sourceRoots !== undefined && { sourceRoots }),
  });
  try {
    return await use(uploads);
  } finally {
    await uploads.close();
  }
}

/** Runs `use` with the limits in Redis, and closes the connection afterwards. */
export async function withStoredLimits<T>(
  { redis, queuePrefix: prefix }: Config,
  use: (limits: StoredLimits) => Promise<T>,
): Promise<T> {
  const { ProducerConnection } = await import('../client/producer-connection.ts');
  const { connectionOptions } = await import('../client/vod-uploads-options.ts');
  const { StoredLimits } = await import('../limits/stored-limits.ts');
  const connection = new ProducerConnection({ ...connectionOptions(redis), prefix });
  try {
    return await connection.run(() => use(new StoredLimits(connection.redis, prefix)));
  } finally {
    await connection.close();
  }
}

/** Prints the configuration's warnings, runs `use` with tracing if it is configured, and sends the spans afterwards. */
export async function withTracing<T>(config: Config, { err }: CliContext, use: () => Promise<T>): Promise<T> {
  for (const warning of config.warnings) err.write(`vod-upload: ${printable(warning)}\n`);
  const tracing = await startTracing(config.tracing, (reason) =>
    err.write(`vod-upload: traces could not be sent: ${reason}\n`),
  );
  try {
    return await use();
  } finally {
    await tracing.stop();
  }
}
