import { fulfilledWithin } from '../src/base/fulfilled-within.ts';
import { VERSION } from '../src/base/version.ts';
import type { Config } from '../src/config/config.ts';
import { limitVariables } from '../src/config/worker.ts';
import { LiveLimits } from '../src/limits/live-limits.ts';
import { limitsChannel, StoredLimits } from '../src/limits/stored-limits.ts';
import { createWebhookSender, type WebhookSender } from '../src/notify/webhook/send.ts';
import { parseSecret } from '../src/notify/webhook/signature.ts';
import { registerWebhooks } from '../src/notify/webhook-relay.ts';
import type { Logger } from '../src/process/log.ts';
import { abortChannel, type Stage } from '../src/queue/names.ts';
import { closeQueues, openQueues, type Queues } from '../src/queue/queues.ts';
import { Retention } from '../src/queue/retention.ts';
import { telemetry } from '../src/queue/tracing.ts';
import type { RedisClient } from '../src/redis/client.ts';
import { workerConnection } from '../src/redis/connection.ts';
import { maskedLocation } from '../src/redis/location.ts';
import { Refusals } from '../src/redis/refusals.ts';
import { Disk } from '../src/source/disk.ts';
import { RootWatch } from '../src/source/root-watch.ts';
import { ThreadSet } from '../src/source/thread-set.ts';
import { createWorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { createHasher } from '../src/upload/hash.ts';
import { Throttle } from '../src/vod/http/throttle.ts';
import { connect } from './connect.ts';
import { pauseReadersWithoutRoots } from './pause-readers.ts';
import { checkRequirements } from './requirements.ts';
import { closeGracefully, HAND_BACK_MS } from './shutdown.ts';
import { startStages } from './stages.ts';
import { openVodHosts, type VodHosts } from './vod-hosts.ts';
import { WEBHOOK_CONCURRENCY } from './webhook-stage.ts';

export interface RunningWorker {
  /**
   * Takes no more jobs, waits for the active ones, and after `shutdownTimeoutMs` hands them back with no attempt spent.
   * @returns whether all of them ended by themselves
   */
  close(): Promise<boolean>;
}

/**
 * Starts a worker process for the given stages. Waits for Redis without limit.
 * @throws {ConfigError} when the credentials or the roots are missing
 * @throws {SourceError} when a root is not a directory, or its disk hangs
 * @throws {RedisUnavailableError} when Redis refuses the password, or has a certificate that isn't trusted
 * @throws {UnfitRedisError} when Redis is too old, or can lose uploads and REQUIRE_DURABLE_REDIS is set
 */
export async function startWorker(
  given: Config,
  options: { readonly stages: readonly Stage[]; readonly log: Logger },
): Promise<RunningWorker> {
  const { log } = options;
  const stages = new Set(options.stages);
  const refusals = new Refusals(given.redis, { log });
  const config = { ...given, redis: { ...given.redis, onRefusal: refusals.record } };
  const { queuePrefix, sourceReadTimeoutMs: timeoutMs } = config;
  const { credentials, directories } = await checkRequirements(config, stages, log);
  const set = new ThreadSet('files');
  const disk = new Disk({ timeoutMs, set });
  const roots = new RootWatch(disk, directories);
  const metrics = createWorkerMetrics(config.revision);
  let phase: 'starting' | 'working' | 'draining' = 'starting';
  let hosts: VodHosts | undefined;
  const { redis, status } = await connect(config, {
    ...{ metrics, log },
    refusal: () => refusals.unready,
    unreadyReason: () => (phase === 'working' ? (roots.unready ?? hosts?.unreadyReason()) : phase),
    onChange: () => hosts?.showHolds(),
  });

  const queues = openQueues(redis, queuePrefix, { telemetry: config.tracing && telemetry });
  const throttle = new Throttle(config.maxBytesPerSecond.process);
  hosts = await openVodHosts({ config, stages, credentials, redis, queues, throttle, metrics, log });
  const limits = new LiveLimits({
    ...{ stored: new StoredLimits(redis, queuePrefix), log },
    variables: limitVariables(config),
  });
  const sendsParts = stages.has('part');
  if (sendsParts) await limits.start();
  const hasher = createHasher({ threads: config.hashConcurrency, timeoutMs, set });
  const webhooks = webhookSender(config);
  await registerWebhooks(queues, redis, queuePrefix);
  const resources = { config, redis, queues, webhooks, throttle, limits, hasher, disk, roots, metrics, log };
  const { workers, readers, consumers, puller, relay } = startStages(stages, { ...resources, ...hosts });
  await pauseReadersWithoutRoots(roots, { readers, metrics, log });
  const retention = stages.has('upload') ? startRetention(config, queues, log) : undefined;
  const subscriber = await subscribe(config, {
    [abortChannel(queuePrefix)]: (uploadId) => {
      for (const consumer of consumers) consumer.abortUpload(uploadId);
    },
    ...(sendsParts && { [limitsChannel(queuePrefix)]: () => void limits.refresh() }),
  });
  if (sendsParts) {
    // The messages that came before the subscription, or while it was lost.
    subscriber.on('ready', () => void limits.refresh());
    await limits.refresh();
  }
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  phase = 'working';
  logReady(config, { stages, directories, statusUrl: status.url, log });

  return {
    async close() {
      phase = 'draining';
      const pullers = puller === undefined ? [] : [puller];
      const relayClosed = relay && fulfilledWithin(relay.close(), HAND_BACK_MS);
      const drained = await closeGracefully({
        workers: [...workers, ...pullers],
        consumers: [...consumers, ...pullers],
        timeoutMs: config.shutdownTimeoutMs,
        log,
      });
      roots.stop();
      limits.stop();
      await Promise.all([relayClosed, hasher.close(), disk.close()]);
      webhooks.close();
      retention?.stop();
      await hosts?.close();
      await closeQueues(queues);
      subscriber.disconnect();
      redis.disconnect();
      await status.close();
      return drained;
    },
  };
}

function webhookSender({ webhooks, proxyEnv }: Config): WebhookSender {
  const { secrets, allowPrivate } = webhooks;
  return createWebhookSender({
    connections: WEBHOOK_CONCURRENCY,
    secrets: secrets.flatMap((secret) => parseSecret(secret) ?? []),
    ...{ allowPrivate, proxyEnv },
  });
}

function startRetention({ keep }: Config, queues: Queues, log: Logger): Retention {
  const { completed, failed } = keep;
  return new Retention({
    ...{ queues, log },
    keep: { completedSeconds: completed.ageSeconds, failedSeconds: failed.ageSeconds },
  });
}

/**
 * Subscribes to channels in Redis. A message lost while Redis is unreachable does little harm: jobs of stopped uploads end
 * by themselves, and the limits are read again.
 */
async function subscribe(
  { redis }: Config,
  onMessage: Readonly<Record<string, (message: string) => void>>,
): Promise<RedisClient> {
  // Connection errors are reported by the other connection.
  const subscriber = workerConnection(redis, () => {});
  subscriber.on('message', (channel: string, message: string) => onMessage[channel]?.(message));
  await subscriber.subscribe(...Object.keys(onMessage));
  return subscriber;
}

function logReady(
  { redis, vod: { endpoint } }: Config,
  options: {
    readonly stages: ReadonlySet<Stage>;
    readonly directories: readonly string[];
    readonly statusUrl: string;
    readonly log: Logger;
  },
): void {
  const { stages, directories: roots, statusUrl, log } = options;
  const redisUrl = maskedLocation(redis.location);
  log.info(
    { version: VERSION, stages: [...stages], redisUrl, endpoint, roots, statusUrl },
    'worker is ready',
  );
}
