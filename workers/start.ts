import { fulfilledWithin } from '../src/base/fulfilled-within.ts';
import { VERSION } from '../src/base/version.ts';
import { type Config, requireCredentials, requireWorkerSettings } from '../src/config/config.ts';
import { ConfigError } from '../src/config/config-error.ts';
import { createCredentialsReader } from '../src/config/credentials.ts';
import { createWebhookSender } from '../src/notify/webhook/send.ts';
import { parseSecret } from '../src/notify/webhook/signature.ts';
import { registerWebhooks } from '../src/notify/webhook-relay.ts';
import { startStatusServer } from '../src/ops/status-server.ts';
import type { Logger } from '../src/process/log.ts';
import type { StageConsumer } from '../src/queue/consumer.ts';
import { abortChannel, SOURCE_STAGES, type Stage } from '../src/queue/names.ts';
import { closeQueues, openQueues, type Queues } from '../src/queue/queues.ts';
import { Retention } from '../src/queue/retention.ts';
import { telemetry } from '../src/queue/tracing.ts';
import { checkRedis } from '../src/redis/check.ts';
import type { RedisClient } from '../src/redis/client.ts';
import { monitoredConnection, workerConnection } from '../src/redis/connection.ts';
import { maskedLocation } from '../src/redis/location.ts';
import { Refusals } from '../src/redis/refusals.ts';
import { waitUntilReady } from '../src/redis/wait-until-ready.ts';
import { Disk } from '../src/source/disk.ts';
import { RootWatch } from '../src/source/root-watch.ts';
import { resolveRoots } from '../src/source/roots.ts';
import { createWorkerMetrics, type WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { createHasher } from '../src/upload/hash.ts';
import { closeGracefully, HAND_BACK_MS } from './shutdown.ts';
import { type RunningStages, startStages } from './stages.ts';
import { callsVod, openVodHosts, type VodHosts } from './vod-hosts.ts';
import { WEBHOOK_CONCURRENCY } from './webhook-stage.ts';

export interface RunningWorker {
  /**
   * Takes no more jobs, waits for those at work, and after `shutdownTimeoutMs` hands them back with no attempt spent.
   * @returns whether all of them had ended by themselves.
   */
  close(): Promise<boolean>;
}

/**
 * Builds a worker process's parts and sets them to work on the stages named. Waits for Redis as long as it takes.
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
  const refusals = new Refusals(given.redis, { log });
  const config = { ...given, redis: { ...given.redis, onRefusal: refusals.record } };
  const stages = new Set(options.stages);
  requireProxySupport(config);
  const readsSources = SOURCE_STAGES.some((stage) => stages.has(stage));
  requireWorkerSettings(config, { callsVod: callsVod(stages), readsSources });
  const credentials = callsVod(stages)
    ? createCredentialsReader(config, { log })
    : () => requireCredentials(config);
  const disk = new Disk({ timeoutMs: config.sourceReadTimeoutMs });
  const directories = readsSources ? await resolveRoots(config.sourceRoots, process.cwd()) : [];
  const roots = new RootWatch(disk, directories);
  const metrics = createWorkerMetrics(config.revision);
  let hosts: VodHosts | undefined;
  const redis = monitoredConnection(config.redis, {
    log,
    onChange: (connected) => {
      metrics.redisConnected.set(connected ? 1 : 0);
      hosts?.showHolds();
    },
  });
  let phase: 'starting' | 'working' | 'draining' = 'starting';
  const status = await startStatusServer({
    ...config.metrics,
    registry: metrics.registry,
    unready: () => {
      if (refusals.unready !== undefined) return refusals.unready;
      if (redis.status !== 'ready') return 'not connected to Redis';
      return phase === 'working' ? (roots.unready ?? hosts?.unready()) : phase;
    },
  }).catch((error) => {
    // What is open would keep the process from ending.
    redis.disconnect();
    throw error;
  });

  try {
    await waitUntilReady(redis, config.redis.location, { timeoutMs: Number.POSITIVE_INFINITY });
    const { location } = config.redis;
    await checkRedis(redis, { ...config, location, required: config.requireDurableRedis, log });
  } catch (error) {
    redis.disconnect();
    await status.close();
    throw error;
  }
  const traced = config.tracing !== undefined;
  const queues = openQueues(redis, config.queuePrefix, { telemetry: traced ? telemetry : undefined });
  hosts = await openVodHosts({ config, stages, credentials, redis, queues, metrics, log });
  const { vod, api, breaker, apiBreaker } = hosts;
  const hasher = createHasher({ threads: config.hashConcurrency, timeoutMs: config.sourceReadTimeoutMs });
  const webhooks = createWebhookSender({
    connections: WEBHOOK_CONCURRENCY,
    secrets: config.webhooks.secrets.flatMap((secret) => parseSecret(secret) ?? []),
    allowPrivate: config.webhooks.allowPrivate,
    proxyEnv: config.proxyEnv,
  });
  await registerWebhooks(queues, redis, config.queuePrefix);
  const { workers, readers, consumers, puller, relay } = startStages(stages, {
    config,
    redis,
    queues,
    vod,
    api,
    webhooks,
    breaker,
    apiBreaker,
    hasher,
    disk,
    roots,
    metrics,
    log,
  });
  await followRoots(roots, { readers, metrics, log });
  const retention = stages.has('upload') ? startRetention(config, queues, log) : undefined;
  const subscriber = await subscribeToAborts(config, consumers);
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));

  phase = 'working';
  const { endpoint } = config.vod;
  const redisUrl = maskedLocation(config.redis.location);
  log.info(
    { version: VERSION, stages: [...stages], redisUrl, endpoint, roots: directories, statusUrl: status.url },
    'worker is ready',
  );
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
      subscriber.disconnect();
      redis.disconnect();
      await status.close();
      return drained;
    },
  };
}

function startRetention({ keep }: Config, queues: Queues, log: Logger): Retention {
  const { completed, failed } = keep;
  return new Retention({
    ...{ queues, log },
    keep: { completedSeconds: completed.ageSeconds, failedSeconds: failed.ageSeconds },
  });
}

/** A worker all of whose directories are gone would only fail to find files: it leaves them to others until one is back. */
async function followRoots(
  roots: RootWatch,
  { readers, metrics, log }: Pick<RunningStages, 'readers'> & { metrics: WorkerMetrics; log: Logger },
): Promise<void> {
  await roots.start((root, isGone) => {
    metrics.sourceRootsGone.set(roots.gone.length);
    const left = roots.roots.length - roots.gone.length;
    if (isGone) log.error({ root, left }, 'source root is gone; its files are left to other workers');
    else log.warn({ root, left }, 'source root is back');
    for (const reader of readers) {
      if (left === 0) reader.begin(roots);
      else reader.end(roots);
    }
  });
}

/** A message lost while Redis is away costs little: a stopped upload's jobs end by themselves. */
async function subscribeToAborts(
  { redis, queuePrefix }: Config,
  consumers: readonly StageConsumer[],
): Promise<RedisClient> {
  // The other connection reports what goes wrong.
  const subscriber = workerConnection(redis, () => {});
  subscriber.on('message', (_channel: string, uploadId: string) => {
    for (const consumer of consumers) consumer.abortUpload(uploadId);
  });
  await subscriber.subscribe(abortChannel(queuePrefix));
  return subscriber;
}

/** Node's HTTP agents know proxies since 22.21 and 24.5; before, the variables would be ignored without a word. */
function requireProxySupport(config: Config): void {
  const wanted = Object.keys(config.proxyEnv).filter((name) => /^https?_proxy$/i.test(name));
  if (wanted.length === 0 || process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) return;
  throw new ConfigError([
    `${wanted.join(', ')} is set, but proxies need Node 22.21 or 24.5 (this is ${process.version})`,
  ]);
}
