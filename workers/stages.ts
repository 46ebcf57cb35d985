import { type Job, Worker } from 'bullmq';
import type { Config } from '../src/config.ts';
import type { Logger } from '../src/log.ts';
import type { Metrics } from '../src/metrics.ts';
import { backoffDelayMs } from '../src/queue/backoff.ts';
import { Bandwidth } from '../src/queue/bandwidth.ts';
import type { Breaker } from '../src/queue/breaker.ts';
import type { RedisClient } from '../src/queue/connection.ts';
import {
  type Attempt,
  Consumer,
  type ConsumerSettings,
  logWorkerError,
  type StageConsumer,
  workerOptions,
} from '../src/queue/consumer.ts';
import { HashCache } from '../src/queue/hash-cache.ts';
import { History } from '../src/queue/history.ts';
import {
  parseFinishData,
  parseHashData,
  parseInitData,
  parsePartData,
  parseWebhookData,
  type UploadResult,
} from '../src/queue/jobs.ts';
import { createLeave } from '../src/queue/leave.ts';
import { Marks } from '../src/queue/marks.ts';
import { QUEUES, type Stage } from '../src/queue/names.ts';
import { ProgressWriter } from '../src/queue/progress.ts';
import type { Queues } from '../src/queue/queues.ts';
import { createReconciler } from '../src/queue/reconcile.ts';
import { Senders } from '../src/queue/senders.ts';
import { keepTrace, telemetry } from '../src/queue/telemetry.ts';
import { WebhookRelay } from '../src/queue/webhooks.ts';
import { OpenFiles } from '../src/source/open-files.ts';
import type { Hasher } from '../src/upload/hash.ts';
import type { PartReader } from '../src/upload/part-reader.ts';
import type { VodClient } from '../src/vod/client.ts';
import { WebhookError } from '../src/webhook/errors.ts';
import { webhookAttempts, webhookDelayMs } from '../src/webhook/retry.ts';
import type { WebhookSender } from '../src/webhook/send.ts';
import { finishProcessor } from './finish.ts';
import { hashProcessor } from './hash.ts';
import { initProcessor } from './init.ts';
import { Observer } from './observe.ts';
import { partProcessor } from './part.ts';
import { PartSlots } from './part-slots.ts';
import { tracedProcessor } from './spans.ts';
import { createVodCall } from './vod-call.ts';
import { webhookProcessor } from './webhook.ts';

/** Uploads are reconciled in milliseconds each; more at a time only means more parents awake. */
const UPLOAD_CONCURRENCY = 8;

/** Jobs beyond the threads wait here and not in the queue, where a small file could not pass the large ones at work. */
const HASH_JOBS_PER_THREAD = 4;

/** InitUpload and FinishUpload of one process at a time; the account's quota is what really binds them. */
export const CONTROL_CONCURRENCY = 8;

/** Webhooks of one process at a time; one to a receiver that does not answer takes its time-out. */
export const WEBHOOK_CONCURRENCY = 32;

export interface StageDependencies {
  readonly config: Config;
  readonly redis: RedisClient;
  readonly queues: Queues;
  readonly vod: VodClient;
  readonly webhooks: WebhookSender;
  readonly breaker: Breaker;
  readonly hasher: Hasher;
  readonly reader: PartReader;
  /** Directories that sources may be in. */
  readonly roots: readonly string[];
  readonly metrics: Metrics;
  readonly log: Logger;
}

export interface RunningStages {
  readonly workers: readonly Worker[];
  /** Of the workers, those whose jobs can be aborted. */
  readonly consumers: readonly StageConsumer[];
  /** Follows the ends of uploads; absent without the stage `webhook`. */
  readonly relay?: WebhookRelay;
}

/** Sets a BullMQ worker to work on each of the stages. */
export function startStages(stages: ReadonlySet<Stage>, deps: StageDependencies): RunningStages {
  const { config, redis, queues, vod, breaker, hasher, reader, roots, metrics, log } = deps;
  const traced = config.tracing !== undefined;
  const marks = new Marks(queues.upload, redis, config.queuePrefix);
  const progress = new ProgressWriter(queues.upload, redis);
  const observer = new Observer({ log, metrics, history: new History(queues.upload) });
  const leave = createLeave(log);
  const settings: ConsumerSettings = {
    connection: redis,
    prefix: config.queuePrefix,
    lockDurationMs: config.lockDurationMs,
    stalledIntervalMs: config.stalledIntervalMs,
    log,
    onSpared: observer.spared,
    breaker,
    leave,
    telemetry: traced ? telemetry : undefined,
  };
  const backoff = (attempt: number): number =>
    backoffDelayMs(attempt, { baseMs: config.backoffBaseMs, maxMs: config.backoffMaxMs });

  const consumers: StageConsumer[] = [];
  const consume = <Data extends { readonly uploadId: string }>(
    stage: Exclude<Stage, 'upload'>,
    concurrency: number,
    parse: (value: unknown) => Data,
    process: (data: Data, attempt: Attempt) => Promise<unknown>,
    ownBackoff: (attempt: number, error: unknown) => number = backoff,
  ): Worker | undefined => {
    if (!stages.has(stage)) return undefined;
    const queue = queues[stage];
    const work = traced ? tracedProcessor(process) : process;
    const consumer = new Consumer({
      stage,
      queue,
      concurrency,
      parse,
      process: work,
      backoff: ownBackoff,
      settings,
    });
    observer.observeChildren(consumer.worker, stage);
    if (stage === 'part') reportProgress(consumer.worker, progress);
    // What is to be told of an upload is told, whatever becomes of the upload next.
    if (stage === 'webhook')
      consumers.push({ worker: consumer.worker, stop() {}, handBack: () => consumer.handBack() });
    else consumers.push(consumer);
    return consumer.worker;
  };
  const { hashConcurrency, partConcurrency, maxBytesPerSecond } = config;
  const { total } = maxBytesPerSecond;
  const bandwidth = total === undefined ? undefined : new Bandwidth(redis, config.queuePrefix, total);
  const slots = new PartSlots(partConcurrency, log);
  const cache = new HashCache(redis, config.queuePrefix);
  const call = createVodCall(breaker);
  const files = new OpenFiles(roots);
  consume(
    'hash',
    HASH_JOBS_PER_THREAD * hashConcurrency,
    parseHashData,
    hashProcessor({ roots, files, hasher, cache, progress, metrics }),
  );
  consume('init', CONTROL_CONCURRENCY, parseInitData, initProcessor({ vod, call }));
  const partWorker = consume(
    'part',
    slots.jobs,
    parsePartData,
    partProcessor({ files, reader, slots, bandwidth, vod, call, marks, metrics }),
  );
  consume('finish', CONTROL_CONCURRENCY, parseFinishData, finishProcessor({ vod, call }));
  const { urls, retryHours } = config.webhooks;
  const baseMs = config.backoffBaseMs;
  const webhookWorker = consume(
    'webhook',
    WEBHOOK_CONCURRENCY,
    parseWebhookData,
    webhookProcessor({ queues, redis, sender: deps.webhooks, urls, metrics, log }),
    (attempt, error) => {
      const asked = error instanceof WebhookError ? error.retryAfterMs : undefined;
      return webhookDelayMs(attempt, { baseMs, retryAfterMs: asked });
    },
  );
  if (webhookWorker !== undefined) countDeliveries(webhookWorker, metrics);
  const relay =
    webhookWorker &&
    new WebhookRelay({
      queues,
      redis,
      target: config.redis,
      prefix: config.queuePrefix,
      urls,
      attempts: webhookAttempts(retryHours, baseMs),
      keepDead: keepJobs(config.keep.failed),
      log,
    });
  metrics.partSlots.set(0);
  if (partWorker !== undefined) {
    slots.start(({ slots, jobs }) => {
      partWorker.concurrency = jobs;
      metrics.partSlots.set(slots);
    });
  }

  const workers = consumers.map(({ worker }) => worker);
  if (stages.has('upload')) {
    const reconcile = createReconciler({
      queues,
      redis,
      marks,
      senders: new Senders(queues.upload, redis, config.queuePrefix),
      childAttempts: config.partAttempts,
      backoff,
      leave,
      onChange: (change) => observer.changed(change),
    });
    const pass = async (job: Job, token = ''): Promise<UploadResult> => {
      if (traced) await keepTrace(job, queues.upload, redis);
      return await reconcile(job, token);
    };
    const worker = new Worker(QUEUES.upload, pass, {
      ...workerOptions(settings),
      concurrency: UPLOAD_CONCURRENCY,
      removeOnComplete: keepJobs(config.keep.completed),
      removeOnFail: keepJobs(config.keep.failed),
    });
    worker.on('error', (error) => logWorkerError(log, 'upload', error));
    observer.observeUploads(worker);
    workers.push(worker);
  }
  return { workers, consumers, ...(relay !== undefined && { relay }) };
}

function keepJobs({ ageSeconds, count }: Config['keep']['completed']): { age: number; count: number } {
  return { age: ageSeconds, count };
}

/** Only once BullMQ has taken a part for done does it count as such among its upload's children. */
function reportProgress(worker: Worker, progress: ProgressWriter): void {
  worker.on('completed', (job: Job) => {
    const part = parsePartData(job.data);
    progress.partCompleted(part, part.partSize, part.hashed.version.size);
  });
}

function countDeliveries(worker: Worker, metrics: Metrics): void {
  worker.on('completed', () => metrics.webhookDeliveries.inc({ outcome: 'delivered' }));
  worker.on('failed', (job) => {
    metrics.webhookDeliveries.inc({ outcome: job?.finishedOn === undefined ? 'failed' : 'dead' });
  });
}
