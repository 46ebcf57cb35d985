import { Worker } from 'bullmq';
import type { Config } from '../src/config/config.ts';
import type { VodEventLog } from '../src/events/vod-event-log.ts';
import type { FileIndex } from '../src/flow/file-index.ts';
import { wakeAfterTranscoding } from '../src/flow/transcode.ts';
import { type ConsumerSettings, logWorkerError, workerOptions } from '../src/queue/consumer.ts';
import { QUEUES } from '../src/queue/names.ts';
import type { Queues } from '../src/queue/queues.ts';
import { steadyRate } from '../src/quota/limits.ts';
import type { RedisClient } from '../src/redis/client.ts';
import { SharedRate } from '../src/redis/shared-rate.ts';
import type { VodApiClient } from '../src/vod/api-client.ts';
import { type Backoff, keepJobs } from './consume.ts';
import { eventProcessor } from './event.ts';
import type { Observer } from './observe.ts';
import { Puller } from './pull.ts';

/** Joining an event takes Redis some round trips and nothing else. */
const EVENT_CONCURRENCY = 8;

/** Joins events to their uploads, and pulls them from VOD unless they come by callback only. */
export function startEvents(
  settings: ConsumerSettings,
  deps: {
    readonly config: Config;
    readonly redis: RedisClient;
    readonly queues: Queues;
    readonly api: VodApiClient;
    readonly files: FileIndex;
    readonly events: VodEventLog;
    readonly backoff: Backoff;
    readonly observer: Observer;
  },
): { readonly worker: Worker; readonly puller: Puller | undefined } {
  const { config, redis, queues, api, files, events, backoff, observer } = deps;
  const { log, leave } = settings;
  const process = eventProcessor({
    ...{ files, events, backoff, leave, looks: config.partAttempts },
    transcoded: (uploadId) => wakeAfterTranscoding(queues.upload, redis, uploadId),
  });
  const worker = new Worker(QUEUES.events, process, {
    ...workerOptions(settings),
    concurrency: EVENT_CONCURRENCY,
    removeOnComplete: keepJobs(config.keep.completed),
    removeOnFail: keepJobs(config.keep.failed),
  });
  worker.on('error', (error) => logWorkerError(log, 'events', error));
  observer.observeEvents(worker);
  if (config.events.callbackOnly) return { worker, puller: undefined };
  const puller = new Puller({
    ...{ api, queue: queues.events, rates: eventRates(config, redis), backoff, log },
    minuteMs: config.vod.quotaWindowMs,
    accountProbeMs: config.probeMs.account,
    onOdd: (odd) => observer.oddEvents(odd),
  });
  return { worker, puller };
}

/** Requests of PullEvent and of ConfirmEvent, each its own quota. */
function eventRates(
  { queuePrefix, vod: { quotaPerMinute, quotaWindowMs } }: Config,
  redis: RedisClient,
): { pull: SharedRate; confirm: SharedRate } | undefined {
  if (quotaPerMinute.event === 0) return undefined;
  const perSecond = steadyRate(quotaPerMinute.event, quotaWindowMs);
  const rate = (action: string) => new SharedRate(redis, `${queuePrefix}:vod-rate:${action}`, perSecond);
  return { pull: rate('PullEvent'), confirm: rate('ConfirmEvent') };
}
