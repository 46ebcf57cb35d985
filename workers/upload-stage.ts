import { type Job, Worker } from 'bullmq';
import { createReconciler } from '../src/flow/reconcile.ts';
import { SenderLocks } from '../src/flow/sender-locks.ts';
import type { StoredResult } from '../src/queue/jobs/upload-result.ts';
import { QUEUES } from '../src/queue/names.ts';
import { keepTrace } from '../src/queue/tracing.ts';
import { logWorkerError, workerOptions } from '../src/queue/worker-options.ts';
import { keepJobs } from './consumers.ts';
import { observeUploads, reportStage } from './observe-uploads.ts';
import type { StageContext } from './stage-context.ts';

/** A reconciler run takes milliseconds; more at a time would only keep more parents awake. */
const UPLOAD_CONCURRENCY = 8;

/** Reconciles uploads. */
export function startUploads(context: StageContext): Worker {
  const { config, queues, redis, backend, abortFlags, files, events, backoff, settings, traced, log } =
    context;
  const reconcile = createReconciler({
    ...{ queues, redis, abortFlags, files, events, backoff, leave: settings.leave },
    senderLocks: new SenderLocks(queues.upload, redis, config.queuePrefix),
    needsSha1: backend.needsSha1,
    childAttempts: config.partAttempts,
    onChange: (change) => reportStage(change, log),
  });
  const process = async (job: Job, token = ''): Promise<StoredResult> => {
    if (traced) await keepTrace(job, queues.upload, redis);
    return await reconcile(job, token);
  };
  const worker = new Worker(QUEUES.upload, process, {
    ...workerOptions(settings),
    concurrency: UPLOAD_CONCURRENCY,
    removeOnComplete: keepJobs(config.keep.completed),
    removeOnFail: keepJobs(config.keep.failed),
  });
  worker.on('error', (error) => logWorkerError(log, 'upload', error));
  observeUploads(worker, context);
  return worker;
}
