import type { Worker } from 'bullmq';
import { HashCache } from '../src/flow/hash-cache.ts';
import type { WebhookRelay } from '../src/notify/webhook-relay.ts';
import type { StageConsumer } from '../src/queue/consumer.ts';
import { parseFinishData } from '../src/queue/jobs/finish.ts';
import { parseHashData } from '../src/queue/jobs/hash.ts';
import { parseInitData } from '../src/queue/jobs/init.ts';
import { parseTranscodeData } from '../src/queue/jobs/transcode.ts';
import type { Stage } from '../src/queue/names.ts';
import type { PauseControl } from '../src/queue/pause-control.ts';
import { startEvents } from './event-stage.ts';
import { finishProcessor } from './finish.ts';
import { hashProcessor } from './hash.ts';
import { initProcessor } from './init.ts';
import { createUnseen, startParts } from './part-stage.ts';
import type { Puller } from './pull.ts';
import { createStageContext, type StageContext, type StageDependencies, vodCall } from './stage-context.ts';
import { transcodeProcessor } from './transcode.ts';
import { startUploads } from './upload-stage.ts';
import { CONTROL_CONCURRENCY } from './vod-clients.ts';
import { startWebhooks } from './webhook-stage.ts';

/**
 * Jobs that exceed the threads wait in the process, where a small file can pass the large ones being hashed; in the
 * queue it could not.
 */
const HASH_JOBS_PER_THREAD = 4;

export interface RunningStages {
  readonly workers: readonly Worker[];
  /** The pauses of the workers that read files. */
  readonly readers: readonly PauseControl[];
  /** The workers whose jobs can be aborted. */
  readonly consumers: readonly StageConsumer[];
  /** Pulls events; absent without the stage `events`, or when events come by callback only. */
  readonly puller: Puller | undefined;
  /** Adds webhooks when uploads end; absent without the stage `webhook`. */
  readonly relay: WebhookRelay | undefined;
}

/** Starts a BullMQ worker for each of the stages. */
export function startStages(stages: ReadonlySet<Stage>, deps: StageDependencies): RunningStages {
  const context = createStageContext(stages, deps);
  startHashing(context);
  startParts(context);
  startCalls(context);
  const relay = startWebhooks(context);
  const workers = context.consumers.all.map(({ worker }) => worker);
  if (stages.has('upload')) workers.push(startUploads(context));
  const events = stages.has('events') ? startEvents(context) : undefined;
  if (events !== undefined) workers.push(events.worker);
  const { all, readers } = context.consumers;
  return { workers, readers, consumers: all, puller: events?.puller, relay };
}

function startHashing(context: StageContext): void {
  const {
    config,
    redis,
    backend,
    disk,
    roots,
    openFiles: files,
    hasher,
    progress,
    metrics,
    consumers,
  } = context;
  const cache = new HashCache(redis, config.queuePrefix);
  consumers.start('hash', {
    concurrency: HASH_JOBS_PER_THREAD * config.hashConcurrency,
    parse: parseHashData,
    process: hashProcessor({ backend, disk, roots: roots.roots, files, hasher, cache, progress, metrics }),
    unseen: createUnseen(context, 'hash'),
  });
}

/** The stages with one small request per job. */
function startCalls(context: StageContext): void {
  const { consumers, backend, contents, disk, roots, breaker, media, apiBreaker } = context;
  const concurrency = CONTROL_CONCURRENCY;
  consumers.start('init', {
    ...{ concurrency, breaker },
    parse: parseInitData,
    // Not `unseen`: the worker goes on with uploads that have no cover.
    process: createUnseen(context, 'init').wrap(
      initProcessor({ backend, contents, disk, roots: roots.roots, call: vodCall('init', context) }),
    ),
  });
  consumers.start('finish', {
    ...{ concurrency, breaker },
    parse: parseFinishData,
    process: finishProcessor({ backend, contents, call: vodCall('finish', context) }),
  });
  consumers.start('transcode', {
    ...{ concurrency, breaker: apiBreaker },
    parse: parseTranscodeData,
    process: transcodeProcessor({ media, call: vodCall('transcode', context) }),
  });
}
