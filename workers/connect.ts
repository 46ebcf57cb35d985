import type { Config } from '../src/config/config.ts';
import { type StatusServer, startStatusServer } from '../src/ops/status-server.ts';
import type { Logger } from '../src/process/log.ts';
import { checkRedis } from '../src/redis/check.ts';
import type { RedisClient } from '../src/redis/client.ts';
import { monitoredConnection } from '../src/redis/connection.ts';
import { waitUntilReady } from '../src/redis/wait-until-ready.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';

/**
 * Opens the connection to Redis and the status server, and waits until Redis can be used. When that fails it closes
 * both: they would keep the process running.
 * @param options.unreadyReason what `/readyz` answers while Redis is connected
 */
export async function connect(
  config: Config,
  options: {
    readonly metrics: WorkerMetrics;
    readonly log: Logger;
    readonly refusal: () => string | undefined;
    readonly unreadyReason: () => string | undefined;
    readonly onChange: () => void;
  },
): Promise<{ readonly redis: RedisClient; readonly status: StatusServer }> {
  const { metrics, log, refusal, unreadyReason, onChange } = options;
  const redis = monitoredConnection(config.redis, {
    log,
    onChange: (connected) => {
      metrics.redisConnected.set(connected ? 1 : 0);
      onChange();
    },
  });
  let status: StatusServer | undefined;
  try {
    status = await startStatusServer({
      ...config.metrics,
      registry: metrics.registry,
      unreadyReason: () =>
        refusal() ?? (redis.status === 'ready' ? unreadyReason() : 'not connected to Redis'),
    });
    const { location } = config.redis;
    await waitUntilReady(redis, location, { timeoutMs: Number.POSITIVE_INFINITY });
    await checkRedis(redis, { ...config, location, required: config.requireDurableRedis, log });
    return { redis, status };
  } catch (error) {
    redis.disconnect();
    await status?.close();
    throw error;
  }
}
