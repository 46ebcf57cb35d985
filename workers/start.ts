import { fulfilledWithin } from '../src/base/fulfilled-within.ts';
import { VERSION } from '../src/base/version.ts';
import type { Config } from '../src/config/config.ts';
import { createWebhookSender, type WebhookSender } from '../src/notify/webhook/send.ts';
import { parseSecret } from '../src/notify/webhook/signature.ts';
import { registerWebhooks } from '../src/notify/webhook-relay.ts';
import type { Logger } from '../src/process/log.ts';
import type { StageConsumer } from '../src/queue/consumer.ts';
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
import { createWorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { createHasher } from '../src/upload/hash.ts';
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
  const disk = new Disk({ timeoutMs });
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
  hosts = await openVodHosts({ config, stages, credentials, redis, queues, metrics, log });
  const hasher = createHasher({ threads: config.hashConcurrency, timeoutMs });
  const webhooks = webhookSender(config);
  await registerWebhooks(queues, redis, queuePrefix);
  const resources = { config, redis, queues, webhooks, hasher, disk, roots, metrics, log };
  const { workers, readers, consumers, puller, relay } = startStages(stages, { ...resources, ...hosts });
  await pauseReadersWithoutRoots(roots, { readers, metrics, log });
  const retention = stages.has('upload') ? startRetention(config, queues, log) : undefined;
  const aborts = await subscribeToAborts(config, consumers);
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
      await Promise.all([relayClosed, hasher.close(), disk.close()]);
      webhooks.close();
      retention?.stop();
      await hosts?.close();
      await closeQueues(queues);
      aborts.disconnect();
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

/** Aborts jobs of stopped uploads. A message lost while Redis is unreachable does little harm: the jobs end by themselves. */
async function subscribeToAborts(
  { redis, queuePrefix }: Config,
  consumers: readonly StageConsumer[],
): Promise<RedisClient> {
  // Connection errors are reported by the other connection.
  const subscriber = workerConnection(redis, () => {});
  subscriber.on('message', (_channel: string, uploadId: string) => {
    for (const consumer of consumers) consumer.abortUpload(uploadId);
  });
  await subscriber.subscribe(abortChannel(queuePrefix));
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
