import { DelayedError, type Job } from 'bullmq';

/** Delays an active job without spending an attempt. @throws always, as BullMQ requires */
export async function delayJob(job: Job, ms: number, token: string | undefined): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}
