import type { Job } from 'bullmq';
import type { Logger } from '../process/log.ts';
import { delayJob } from './delay-job.ts';
import type { NewerJobError } from './jobs/schema.ts';

/** After this time a job that was left is offered again, to whichever worker comes. */
const LEAVE_MS = 2000;
/** A rollout may leave thousands; the log says so once in this time. */
const LOG_INTERVAL_MS = 60_000;

/** Leaves a job for other workers, with no attempt spent; never resolves. */
export type LeaveNewerJob = (job: Job, token: string | undefined, error: NewerJobError) => Promise<never>;

/**
 * During a rollout workers of two versions share the queues, and the older ones leave to the newer ones what those have
 * written. When none of those runs, as after a rollback, it waits.
 */
export function createLeaveNewerJob(log: Logger): LeaveNewerJob {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return async (job, token, error) => {
    const now = performance.now();
    if (now - loggedMs > LOG_INTERVAL_MS) {
      loggedMs = now;
      log.warn({ queue: job.queueName, jobId: job.id, reason: error.message }, 'job left for newer workers');
    }
    return await delayJob(job, LEAVE_MS * (0.5 + Math.random()), token);
  };
}
