import { type Job, Worker } from 'bullmq';
import { type Config, ConfigError, requireCredentials } from '../src/config.ts';
import type { Logger } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import { startOpsServer } from '../src/ops/server.ts';
import { backoffDelayMs } from '../src/queue/backoff.ts';
import { withoutPassword, workerConnection } from '../src/queue/connection.ts';
import { Consumer, type ConsumerSettings, logWorkerError, workerOptions } from '../src/queue/consumer.ts';
import { parseFinishData, parseHashData, parseInitData, parsePartData } from '../src/queue/jobs.ts';
import { setQuota } from '../src/queue/limits.ts';
import { Marks } from '../src/queue/marks.ts';
import { abortChannel, QUEUES, type Stage } from '../src/queue/names.ts';
import { ProgressWriter } from '../src/queue/progress.ts';
import { closeQueues, openQueues } from '../src/queue/queues.ts';
import { createReconciler } from '../src/queue/reconcile.ts';
import { resolveRoots } from '../src/source/roots.ts';
import { createHasher } from '../src/upload/hash.ts';
import { VERSION } from '../src/version.ts';
import { createVodClient } from '../src/vod/client.ts';
import { finishProcessor } from './finish.ts';
import { hashProcessor } from './hash.ts';
import { initProcessor } from './init.ts';
import { observeChildren, observeUploads, retryObserver, vodObserver } from './observe.ts';
import { partProcessor } from './part.ts';
import { closeGracefully } from './shutdown.ts';
import { vodCall } from './vod-call.ts';

export interface RunningWorker {
  /** Where `/metrics`, `/healthz` and `/readyz` are; absent when no port was asked for. */
  readonly opsUrl?: string;
  /**
   * Takes no more jobs, waits for those at work, and after `shutdownTimeoutMs` hands them back with no attempt spent.
   * @returns whether all of them had ended by themselves.
   */
  close(): Promise<boolean>;
}

/** Uploads are reconciled in milliseconds each; more at a time only means more parents awake. */
const UPLOAD_CONCURRENCY = 8;
/** InitUpload and FinishUpload of one process at a time; the account's quota is what really binds them. */
const CONTROL_CONCURRENCY = 8;

/** Builds a worker process's parts and sets them to work on the stages named. */
export async function startWorker(
  config: Config,
  options: { readonly stages: readonly Stage[]; readonly log: Logger },
): Promise<RunningWorker> {
  const { log } = options;
  const stages = new Set(options.stages);
  const credentials = requireCredentials(config);
  requireProxySupport(config);
  const roots = await resolveRoots(config.sourceRoots, process.cwd());
  const metrics = createMetrics();
  let draining = false;

  const redisUrl = withoutPassword(config.redisUrl);
  let complained = false;
  const redis = workerConnection(config.redisUrl, (error) => {
    metrics.redisConnected.set(0);
    if (!complained) log.warn({ redisUrl, err: error.message }, 'redis is away; waiting for it');
    complained = true;
  });
  redis.on('ready', () => {
    metrics.redisConnected.set(1);
    log[complained ? 'warn' : 'debug']({ redisUrl }, 'redis is connected');
    complained = false;
  });

  const ops =
    config.metricsPort === undefined
      ? undefined
      : await startOpsServer({
          port: config.metricsPort,
          registry: metrics.registry,
          unready: () =>
            draining ? 'draining' : redis.status === 'ready' ? undefined : 'not connected to Redis',
        });

  const queues = openQueues(redis, config.queuePrefix);
  const marks = new Marks(queues.upload, redis, config.queuePrefix);
  const progress = new ProgressWriter(queues.upload, redis);
  const vod = createVodClient({
    endpoint: config.vod.endpoint,
    credentials,
    region: config.vod.region,
    signatureMethod: config.vod.signatureMethod,
    connections: config.partConcurrency + 2 * CONTROL_CONCURRENCY,
    proxyEnv: config.proxyEnv,
    onRequest: vodObserver(metrics),
  });
  const hasher = createHasher({ threads: config.hashConcurrency });

  const quota = config.vod.quotaPerMinute;
  await Promise.all([
    setQuota(queues.init, quota.init),
    setQuota(queues.part, quota.part),
    setQuota(queues.finish, quota.finish),
  ]);

  const settings: ConsumerSettings = {
    connection: redis,
    prefix: config.queuePrefix,
    lockDurationMs: config.lockDurationMs,
    stalledIntervalMs: config.stalledIntervalMs,
    log,
    onRetry: retryObserver(metrics),
  };
  const backoff = (attempt: number): number =>
    backoffDelayMs(attempt, { baseMs: config.backoffBaseMs, maxMs: config.backoffMaxMs });

  const consumers: Consumer<{ readonly uploadId: string }>[] = [];
  const consume = <Data extends { readonly uploadId: string }>(
    stage: Exclude<Stage, 'upload'>,
    concurrency: number,
    parse: (value: unknown) => Data,
    process: ConstructorParameters<typeof Consumer<Data>>[0]['process'],
  ): void => {
    if (!stages.has(stage)) return;
    const consumer = new Consumer({
      stage,
      queue: queues[stage],
      concurrency,
      parse,
      process,
      backoff,
      settings,
    });
    observeChildren(consumer.worker, stage, { log, metrics });
    consumers.push(consumer as unknown as Consumer<{ readonly uploadId: string }>);
  };
  consume('hash', config.hashConcurrency, parseHashData, hashProcessor({ roots, hasher, progress, metrics }));
  consume('init', CONTROL_CONCURRENCY, parseInitData, initProcessor({ vod, call: vodCall }));
  consume(
    'part',
    config.partConcurrency,
    parsePartData,
    partProcessor({ roots, vod, call: vodCall, marks, metrics }),
  );
  consume('finish', CONTROL_CONCURRENCY, parseFinishData, finishProcessor({ vod, call: vodCall }));
  if (stages.has('part')) {
    metrics.partSlots.set(config.partConcurrency);
    for (const { worker } of consumers.filter(({ worker }) => worker.name === QUEUES.part)) {
      worker.on('completed', (job: Job) => {
        const data = parsePartData(job.data);
        progress.partCompleted(data.uploadId, data.partSize, data.hashed.version.size);
      });
    }
  }

  const workers = consumers.map(({ worker }) => worker);
  if (stages.has('upload')) {
    const reconcile = createReconciler({ queues, redis, marks, childAttempts: config.partAttempts });
    const worker = new Worker(QUEUES.upload, (job: Job, token?: string) => reconcile(job, token ?? ''), {
      ...workerOptions(settings),
      concurrency: UPLOAD_CONCURRENCY,
    });
    worker.on('error', (error) => logWorkerError(log, 'upload', error));
    observeUploads(worker, { log, metrics });
    workers.push(worker);
  }

  // A message lost while this connection is away costs little: a stopped upload's jobs end by themselves.
  const subscriber = redis.duplicate();
  subscriber.on('error', () => {});
  subscriber.on('message', (_channel, uploadId) => {
    for (const consumer of consumers) consumer.stop(uploadId);
  });
  await subscriber.subscribe(abortChannel(config.queuePrefix));
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));

  const opsUrl = ops?.url;
  log.info(
    { version: VERSION, stages: [...stages], redisUrl, endpoint: config.vod.endpoint, roots, opsUrl },
    'worker is ready',
  );
  return {
    ...(opsUrl !== undefined && { opsUrl }),
    async close() {
      draining = true;
      const drained = await closeGracefully({ workers, consumers, timeoutMs: config.shutdownTimeoutMs, log });
      await hasher.close();
      vod.close();
      await closeQueues(queues);
      subscriber.disconnect();
      redis.disconnect();
      await ops?.close();
      return drained;
    },
  };
}

/** Node's HTTP agents know proxies since 22.21 and 24.5; before, the variables would be ignored without a word. */
function requireProxySupport(config: Config): void {
  const wanted = Object.keys(config.proxyEnv).filter((name) => /^https?_proxy$/i.test(name));
  if (wanted.length === 0 || process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) return;
  throw new ConfigError([
    `${wanted.join(', ')} is set, but proxies need Node 22.21 or 24.5 (this is ${process.version})`,
  ]);
}
