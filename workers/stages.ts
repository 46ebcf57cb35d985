import { type Job, Worker } from 'bullmq';
import type { Config } from '../src/config/config.ts';
import { VodEventLog } from '../src/events/vod-event-log.ts';
import { AbortFlags } from '../src/flow/abort-flags.ts';
import { FileIndex } from '../src/flow/file-index.ts';
import { HashCache } from '../src/flow/hash-cache.ts';
import { History } from '../src/flow/history.ts';
import { ProgressWriter } from '../src/flow/progress-writer.ts';
import { createReconciler } from '../src/flow/reconcile.ts';
import { SenderLocks } from '../src/flow/sender-locks.ts';
import { UnavailableSources } from '../src/flow/unavailable-sources.ts';
import type { WebhookSender } from '../src/notify/webhook/send.ts';
import type { WebhookRelay } from '../src/notify/webhook-relay.ts';
import type { Logger } from '../src/process/log.ts';
import { backoffDelayMs } from '../src/queue/backoff.ts';
import {
  type ConsumerSettings,
  logWorkerError,
  type StageConsumer,
  workerOptions,
} from '../src/queue/consumer.ts';
import { parseFinishData } from '../src/queue/jobs/finish.ts';
import { parseHashData } from '../src/queue/jobs/hash.ts';
import { parseInitData } from '../src/queue/jobs/init.ts';
import { parsePartData } from '../src/queue/jobs/part.ts';
import { parseTranscodeData } from '../src/queue/jobs/transcode.ts';
import type { UploadResult } from '../src/queue/jobs/upload-result.ts';
import { createLeaveNewerJob } from '../src/queue/leave-newer-job.ts';
import { QUEUES, type Stage } from '../src/queue/names.ts';
import type { Pauses } from '../src/queue/pauses.ts';
import type { Queues } from '../src/queue/queues.ts';
import { keepTrace, telemetry } from '../src/queue/tracing.ts';
import { workerIdentity } from '../src/queue/worker-identity.ts';
import type { Breaker } from '../src/quota/breaker.ts';
import type { RedisClient } from '../src/redis/client.ts';
import { SharedRate } from '../src/redis/shared-rate.ts';
import type { Disk } from '../src/source/disk.ts';
import { OpenFileCache } from '../src/source/open-file-cache.ts';
import type { RootWatch } from '../src/source/root-watch.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import type { Hasher } from '../src/upload/hash.ts';
import type { VodApiClient } from '../src/vod/api-client.ts';
import type { VodClient } from '../src/vod/client.ts';
import { createConsume, keepJobs } from './consume.ts';
import { startEvents } from './event-stage.ts';
import { finishProcessor } from './finish.ts';
import { hashProcessor } from './hash.ts';
import { initProcessor } from './init.ts';
import { Observer } from './observe.ts';
import { partProcessor } from './part.ts';
import { PartSlots } from './part-slots.ts';
import type { Puller } from './pull.ts';
import { isUnexpectedStatus, transcodeProcessor } from './transcode.ts';
import { createVodCall } from './vod-call.ts';
import { startWebhooks } from './webhook-stage.ts';

/** Uploads are reconciled in milliseconds each; more at a time only means more parents awake. */
const UPLOAD_CONCURRENCY = 8;

/** Jobs beyond the threads wait here and not in the queue, where a small file could not pass the large ones at work. */
const HASH_JOBS_PER_THREAD = 4;

/** InitUpload, FinishUpload and ConvertVodFile of one process at a time; the account's quota is what really binds them. */
export const CONTROL_CONCURRENCY = 8;

/** A job that was interrupted waits about this long; less where an outage is probed more often. */
const INTERRUPTION_MS = 1000;
/** A queue that is held is looked at this often; more often where an outage is probed more often. */
const HELD_LOOK_MS = 2000;

/** A file that is not fit to be transcoded yet is tried so many times later than what failed otherwise. */
const UNFIT_FILE_FACTOR = 10;

export interface StageDependencies {
  readonly config: Config;
  readonly redis: RedisClient;
  readonly queues: Queues;
  readonly vod: VodClient;
  readonly api: VodApiClient;
  readonly webhooks: WebhookSender;
  readonly breaker: Breaker;
  /** Of the host that `api` calls. */
  readonly apiBreaker: Breaker;
  readonly hasher: Hasher;
  readonly disk: Disk;
  /** Of the directories that sources may be in. */
  readonly roots: RootWatch;
  readonly metrics: WorkerMetrics;
  readonly log: Logger;
}

export interface RunningStages {
  readonly workers: readonly Worker[];
  /** Of the workers, those that read files. */
  readonly readers: readonly Pauses[];
  /** Of the workers, those whose jobs can be aborted. */
  readonly consumers: readonly StageConsumer[];
  /** Of the stage `events`, unless others pull. */
  readonly puller: Puller | undefined;
  /** Follows the ends of uploads; absent without the stage `webhook`. */
  readonly relay: WebhookRelay | undefined;
}

/** Sets a BullMQ worker to work on each of the stages. */
export function startStages(stages: ReadonlySet<Stage>, deps: StageDependencies): RunningStages {
  const { config, redis, queues, vod, api, breaker, apiBreaker, hasher, disk, roots, metrics, log } = deps;
  const traced = config.tracing !== undefined;
  const abortFlags = new AbortFlags(queues.upload, redis, config.queuePrefix);
  const progress = new ProgressWriter(queues.upload, redis);
  const files = fileIndex(config, redis);
  const events = new VodEventLog(queues.upload, redis);
  const observer = new Observer({ log, metrics, history: new History(queues.upload) });
  const leave = createLeaveNewerJob(log);
  const name = workerIdentity();
  const settings: ConsumerSettings = {
    connection: redis,
    name: name.name,
    prefix: config.queuePrefix,
    lockDurationMs: config.lockDurationMs,
    stalledIntervalMs: config.stalledIntervalMs,
    interruptionMs: Math.min(INTERRUPTION_MS, config.probeMs.outage / 2),
    heldLookMs: Math.min(HELD_LOOK_MS, config.probeMs.outage),
    log,
    onPostponed: observer.spared,
    leave,
    telemetry: traced ? telemetry : undefined,
  };
  const backoff = (attempt: number, error?: unknown): number =>
    backoffDelayMs(attempt, {
      baseMs: config.backoffBaseMs * (isUnexpectedStatus(error) ? UNFIT_FILE_FACTOR : 1),
      maxMs: config.backoffMaxMs,
    });

  const { consume, consumers, readers } = createConsume({
    stages,
    queues,
    settings,
    backoff,
    observer,
    traced,
  });
  const { hashConcurrency, partConcurrency, maxBytesPerSecond } = config;
  const { total } = maxBytesPerSecond;
  const bandwidth =
    total === undefined ? undefined : new SharedRate(redis, `${config.queuePrefix}:bandwidth`, total);
  const slots = new PartSlots(partConcurrency, log);
  const cache = new HashCache(redis, config.queuePrefix);
  const { quotaWindowMs } = config.vod;
  const call = createVodCall(breaker, quotaWindowMs);
  const openFiles = new OpenFileCache(disk, roots.roots);
  const { queuePrefix: prefix, sourceGraceMs: graceMs } = config;
  const unseen = { queues, redis, prefix, graceMs, worker: name, roots };
  consume(
    'hash',
    HASH_JOBS_PER_THREAD * hashConcurrency,
    parseHashData,
    hashProcessor({ disk, roots: roots.roots, files: openFiles, hasher, cache, progress, metrics }),
    { unseen: new UnavailableSources({ ...unseen, stage: 'hash' }) },
  );
  consume('init', CONTROL_CONCURRENCY, parseInitData, initProcessor({ vod, call }), { breaker });
  const partWorker = consume(
    'part',
    slots.jobs,
    parsePartData,
    partProcessor({ files: openFiles, slots, bandwidth, vod, call, abortFlags, metrics }),
    { breaker, unseen: new UnavailableSources({ ...unseen, stage: 'part', breaker }) },
  );
  consume('finish', CONTROL_CONCURRENCY, parseFinishData, finishProcessor({ vod, call }), { breaker });
  consume(
    'transcode',
    CONTROL_CONCURRENCY,
    parseTranscodeData,
    transcodeProcessor({ api, call: createVodCall(apiBreaker, quotaWindowMs) }),
    { breaker: apiBreaker },
  );
  const relay = startWebhooks(consume, deps);
  metrics.partSlots.set(0);
  metrics.partSlotsMax.set(partWorker === undefined ? 0 : partConcurrency.max);
  if (partWorker !== undefined) {
    reportProgress(partWorker, progress);
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
      abortFlags,
      senderLocks: new SenderLocks(queues.upload, redis, config.queuePrefix),
      files,
      events,
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
  let puller: Puller | undefined;
  if (stages.has('events')) {
    const running = startEvents(settings, { ...deps, files, events, backoff, observer });
    workers.push(running.worker);
    puller = running.puller;
  }
  return { workers, readers, consumers, puller, relay };
}

/** An event can be told of as long as its upload can be looked up. */
function fileIndex({ keep, queuePrefix }: Config, redis: RedisClient): FileIndex {
  return new FileIndex(redis, queuePrefix, Math.max(keep.completed.ageSeconds, keep.failed.ageSeconds));
}

/** Only once BullMQ has taken a part for done does it count as such among its upload's children. */
function reportProgress(worker: Worker, progress: ProgressWriter): void {
  worker.on('completed', (job: Job) => {
    const part = parsePartData(job.data);
    progress.partCompleted(part, part.partSize, part.hashed.version.size);
  });
}
