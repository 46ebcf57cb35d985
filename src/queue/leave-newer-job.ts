import type { Job } from 'bullmq';
import type { Logger } from '../process/log.ts';
import { delayJob } from './delay-job.ts';
import type { NewerJobError } from './jobs/schema.ts';

/** Average delay of such a job, after which any worker may take it. */
const DELAY_MS = 2000;
/** A rollout may delay thousands of jobs; it is logged at most this often. */
const LOG_INTERVAL_MS = 60_000;

/** Delays a job of a newer version, for newer workers, without spending an attempt. Always rejects. */
export type LeaveNewerJob = (job: Job, token: string | undefined, error: NewerJobError) => Promise<never>;

/**
 * During a rollout workers of two versions share the queues, and the older workers leave the jobs of the newer version to
 * the newer workers. If none of those run, after a rollback for instance, the jobs wait.
 */
export function createLeaveNewerJob(log: Logger): LeaveNewerJob {
  let loggedMs = Number.NEGATIVE_INFINITY;
  return async (job, token, error) => {
    const now = performance.now();
    if (now - loggedMs > LOG_INTERVAL_MS) {
      loggedMs = now;
      log.warn({ queue: job.queueName, jobId: job.id, reason: error.message }, 'job left for newer workers');
    }
    return await delayJob(job, DELAY_MS * (0.5 + Math.random()), token);
  };
}
