import { Worker } from 'bullmq';
import { wakeAfterTranscoding } from '../src/flow/wake-after-transcoding.ts';
import { QUEUES } from '../src/queue/names.ts';
import { logWorkerError, workerOptions } from '../src/queue/worker-options.ts';
import { keepJobs } from './consumers.ts';
import { eventProcessor } from './event.ts';
import { observeEvents, reportInvalidEvents } from './observe-events.ts';
import { Puller } from './pull.ts';
import type { StageContext } from './stage-context.ts';

/** Joining an event takes a few round trips to Redis and nothing else. */
const EVENT_CONCURRENCY = 8;

/** Joins events to their uploads, and pulls events from VOD unless they come by callback only. */
export function startEvents(context: StageContext): {
  readonly worker: Worker;
  readonly puller: Puller | undefined;
} {
  const { config, redis, queues, files, events, settings, backoff, log } = context;
  const process = eventProcessor({
    ...{ files, events, backoff, leave: settings.leave, looks: config.partAttempts },
    transcoded: (uploadId) => wakeAfterTranscoding(queues.upload, redis, uploadId),
  });
  const worker = new Worker(QUEUES.events, process, {
    ...workerOptions(settings),
    concurrency: EVENT_CONCURRENCY,
    removeOnComplete: keepJobs(config.keep.completed),
    removeOnFail: keepJobs(config.keep.failed),
  });
  worker.on('error', (error) => logWorkerError(log, 'events', error));
  observeEvents(worker, context);
  return { worker, puller: config.events.callbackOnly ? undefined : startPuller(context) };
}

function startPuller(context: StageContext): Puller {
  const { config, queues, quotas, media, backoff, log } = context;
  return new Puller({
    ...{ media, queue: queues.events, quotas, backoff, log },
    minuteMs: config.vod.quotaWindowMs,
    accountProbeMs: config.probeMs.account,
    onInvalid: (counts) => reportInvalidEvents(media.quotaActions.pullEvents, counts, context),
  });
}
