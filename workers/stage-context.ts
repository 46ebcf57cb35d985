import type { UploadBackend, UploadStage } from '../src/backend/backend.ts';
import type { MediaBackend } from '../src/backend/media.ts';
import type { Config } from '../src/config/config.ts';
import { VodEventLog } from '../src/events/vod-event-log.ts';
import { AbortFlags } from '../src/flow/abort-flags.ts';
import { ContentIndex } from '../src/flow/content-index.ts';
import { PartRefill } from '../src/flow/fan-out.ts';
import { FileIndex } from '../src/flow/file-index.ts';
import { History } from '../src/flow/history.ts';
import { ProgressWriter } from '../src/flow/progress-writer.ts';
import { Sessions } from '../src/flow/sessions.ts';
import type { LiveLimits } from '../src/limits/live-limits.ts';
import type { WebhookSender } from '../src/notify/webhook/send.ts';
import type { Logger } from '../src/process/log.ts';
import { backoffDelayMs } from '../src/queue/backoff.ts';
import type { ConsumerSettings } from '../src/queue/consumer.ts';
import { createLeaveNewerJob } from '../src/queue/leave-newer-job.ts';
import type { Stage } from '../src/queue/names.ts';
import type { Queues } from '../src/queue/queues.ts';
import { telemetry } from '../src/queue/tracing.ts';
import { type WorkerIdentity, workerIdentity } from '../src/queue/worker-identity.ts';
import type { Breaker } from '../src/quota/breaker.ts';
import type { RequestQuotas } from '../src/quota/quotas.ts';
import type { RedisClient } from '../src/redis/client.ts';
import type { Disk } from '../src/source/disk.ts';
import { OpenFileCache } from '../src/source/open-file-cache.ts';
import type { RootWatch } from '../src/source/root-watch.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import type { Hasher } from '../src/upload/hash.ts';
import type { Throttle } from '../src/vod/http/throttle.ts';
import { type Backoff, Consumers } from './consumers.ts';
import { AttemptObserver } from './observe-attempts.ts';
import { VodCall } from './vod-call.ts';

/** An interrupted job waits about this long; less where outages are probed more often. */
const INTERRUPTION_MS = 1000;
/** A worker checks at this interval whether its queue is still held; more often where outages are probed more often. */
const HELD_LOOK_MS = 2000;

/** The backoff of a file that is not ready to be transcoded yet is this many times longer. */
const UNREADY_FILE_FACTOR = 10;

/** What a worker process creates for its stages. */
export interface StageDependencies {
  readonly config: Config;
  readonly redis: RedisClient;
  readonly queues: Queues;
  readonly backend: UploadBackend;
  readonly media: MediaBackend;
  readonly webhooks: WebhookSender;
  readonly breaker: Breaker;
  /** Of the host that `media` calls. */
  readonly apiBreaker: Breaker;
  /** Limits the bandwidth of this process. */
  readonly throttle: Throttle;
  readonly limits: LiveLimits;
  readonly hasher: Hasher;
  readonly disk: Disk;
  /** Watches the directories of SOURCE_ROOTS. */
  readonly roots: RootWatch;
  /** The account's quotas. */
  readonly quotas: RequestQuotas;
  readonly metrics: WorkerMetrics;
  readonly log: Logger;
}

/** What the stages of one process share. */
export interface StageContext extends StageDependencies {
  readonly worker: WorkerIdentity;
  readonly settings: ConsumerSettings;
  readonly backoff: Backoff;
  readonly history: History;
  readonly consumers: Consumers;
  readonly abortFlags: AbortFlags;
  readonly progress: ProgressWriter;
  readonly files: FileIndex;
  readonly contents: ContentIndex;
  readonly sessions: Sessions;
  readonly events: VodEventLog;
  readonly openFiles: OpenFileCache;
  readonly traced: boolean;
}

export function createStageContext(stages: ReadonlySet<Stage>, deps: StageDependencies): StageContext {
  const { config, redis, queues, media, disk, roots, metrics, log } = deps;
  const traced = config.tracing !== undefined;
  const worker = workerIdentity();
  const history = new History(queues.upload, redis);
  const observer = new AttemptObserver({ log, metrics, history });
  const settings = consumerSettings(deps, worker, observer);
  const backoff = createBackoff(config, media);
  return {
    ...deps,
    ...{ worker, settings, backoff, history, traced },
    consumers: new Consumers({ stages, queues, settings, backoff, observer, traced }),
    abortFlags: new AbortFlags(queues.upload, redis, config.queuePrefix),
    progress: new ProgressWriter(queues.upload, redis, new PartRefill(queues, redis)),
    files: fileIndex(config, redis),
    contents: new ContentIndex(redis, config.queuePrefix, config.keep.completed.ageSeconds),
    sessions: new Sessions(queues, redis),
    events: new VodEventLog(queues.upload, redis),
    openFiles: new OpenFileCache(disk, roots.roots),
  };
}

/** The calls to VOD of the jobs of a stage. */
export function vodCall(stage: UploadStage | 'transcode', context: StageContext): VodCall {
  const { config, queues, quotas, backend, media, breaker, apiBreaker } = context;
  const action = stage === 'transcode' ? media.quotaActions.transcode : backend.quotaActions[stage];
  return new VodCall({
    queue: queues[stage],
    breaker: stage === 'transcode' ? apiBreaker : breaker,
    quota: action && quotas[action],
    minuteMs: config.vod.quotaWindowMs,
  });
}

function consumerSettings(
  { config, redis, log }: StageDependencies,
  worker: WorkerIdentity,
  observer: AttemptObserver,
): ConsumerSettings {
  return {
    connection: redis,
    name: worker.name,
    prefix: config.queuePrefix,
    lockDurationMs: config.lockDurationMs,
    stalledIntervalMs: config.stalledIntervalMs,
    interruptionMs: Math.min(INTERRUPTION_MS, config.probeMs.outage / 2),
    heldLookMs: Math.min(HELD_LOOK_MS, config.probeMs.outage),
    log,
    onPostponed: observer.notSpent,
    leave: createLeaveNewerJob(log),
    telemetry: config.tracing === undefined ? undefined : telemetry,
  };
}

function createBackoff({ backoffBaseMs, backoffMaxMs }: Config, media: MediaBackend): Backoff {
  return (attempt, error) =>
    backoffDelayMs(attempt, {
      baseMs: backoffBaseMs * (media.isUnready(error) ? UNREADY_FILE_FACTOR : 1),
      maxMs: backoffMaxMs,
    });
}

/** Kept as long as an upload can be looked up, so that late events still find it. */
function fileIndex({ keep, queuePrefix }: Config, redis: RedisClient): FileIndex {
  return new FileIndex(redis, queuePrefix, Math.max(keep.completed.ageSeconds, keep.failed.ageSeconds));
}
