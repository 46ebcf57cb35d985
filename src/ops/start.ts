import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { VodUploads } from '../client/vod-uploads.ts';
import { connectionOptions } from '../client/vod-uploads-options.ts';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import type { Logger } from '../process/log.ts';
import { closeQueues, openQueues } from '../queue/queues.ts';
import { monitoredConnection } from '../redis/connection.ts';
import { maskedLocation } from '../redis/location.ts';
import { warnOfRefusedCommands } from '../redis/optional-commands.ts';
import { Refusals } from '../redis/refusals.ts';
import { waitUntilReady } from '../redis/wait-until-ready.ts';
import { createOpsMetrics } from '../telemetry/ops-metrics.ts';
import { createOpsApp } from './app.ts';
import { createEventCallback } from './event-callback.ts';
import { closeServer, isLoopback, listen } from './listen.ts';
import { createQueuePoll } from './queue-metrics.ts';
import { sharePoll } from './share-poll.ts';

export interface RunningOps {
  /** `http://host:port`, followed by the base path. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the pages and the queues' metrics. Run only one such process: more would report the same queues twice.
 * @throws {ConfigError} when other machines could connect and no login is required
 * @throws {RedisUnavailableError} when Redis refuses the password, or has a certificate that isn't trusted
 */
export async function startOps(config: Config, { log }: { readonly log: Logger }): Promise<RunningOps> {
  const { host, port, users, readOnly, basePath } = config.ops;
  requireUsers(config);
  const metrics = createOpsMetrics(config.revision);
  const refusals = new Refusals(config.redis, { log });
  const target = { ...config.redis, onRefusal: refusals.record };
  const redis = monitoredConnection(target, {
    log,
    onChange: (connected) => metrics.redisConnected.set(connected ? 1 : 0),
  });
  const queues = openQueues(redis, config.queuePrefix, { producer: true });
  const uploads = new VodUploads({
    ...connectionOptions(config.redis),
    prefix: config.queuePrefix,
  });
  const { callbackPath: path } = config.events;
  const ready = (): boolean => redis.status === 'ready';
  let draining = false;
  const app = createOpsApp({
    registry: metrics.registry,
    refresh: sharePoll(
      createQueuePoll(metrics, { queues, redis, prefix: config.queuePrefix, vod: config.vod, log }),
    ),
    unreadyReason: () => {
      if (draining) return 'draining';
      return refusals.unready ?? (ready() ? undefined : 'not connected to Redis');
    },
    queues,
    uploads,
    users,
    readOnly,
    basePath,
    eventCallback:
      path === undefined
        ? undefined
        : createEventCallback({ path: `${basePath}${path}`, queue: queues.events, ready, metrics, log }),
    log,
  });
  const server = createServer(getRequestListener(app.fetch));
  const close = async (): Promise<void> => {
    draining = true;
    await closeServer(server);
    await uploads.close();
    await closeQueues(queues);
    redis.disconnect();
  };
  try {
    const place = { host, port, portVariable: 'OPS_PORT', hostVariable: 'OPS_HOST' };
    const url = `${await listen(server, place)}${basePath}`;
    await waitUntilReady(redis, config.redis.location, { timeoutMs: Number.POSITIVE_INFINITY });
    await warnOfRefusedCommands(redis, { queuePrefix: config.queuePrefix, log });
    const redisUrl = maskedLocation(config.redis.location);
    const names = users.map(({ name }) => name);
    log.info({ url, redisUrl, users: names, readOnly, eventCallback: path !== undefined }, 'ops is ready');
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function requireUsers({ ops: { host, users } }: Config): void {
  if (users.length > 0 || isLoopback(host)) return;
  throw new ConfigError([
    `OPS_USERS (or OPS_USERS_FILE) is not set, and OPS_HOST=${host} lets other machines in: set it to ` +
      'name:password, or OPS_HOST to 127.0.0.1',
  ]);
}
