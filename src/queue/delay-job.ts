import { DelayedError, type Job } from 'bullmq';

/** How a processor gives its job back for a while; spends no attempt. @throws always, what BullMQ knows it by */
export async function delayJob(job: Job, ms: number, token: string | undefined): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}
