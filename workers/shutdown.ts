import { fulfilledWithin } from '../src/base/fulfilled-within.ts';
import type { Logger } from '../src/process/log.ts';

/** Time for workers to return their jobs to Redis after the drain deadline. */
export const HAND_BACK_MS = 5000;

/**
 * Closes workers. They take no more jobs and finish the active ones; at the deadline the remaining jobs are aborted and
 * handed back, which spends no attempt. BullMQ's `close()` waits without limit, and `close(true)` after it has no effect.
 * @returns whether all jobs ended by themselves
 */
export async function closeGracefully(options: {
  readonly workers: readonly { close(): Promise<unknown> }[];
  readonly consumers: readonly { returnJobs(): void }[];
  readonly timeoutMs: number;
  readonly log: Logger;
}): Promise<boolean> {
  const { workers, consumers, timeoutMs, log } = options;
  const closing = Promise.allSettled(workers.map((worker) => worker.close()));
  if (await fulfilledWithin(closing, timeoutMs)) return true;
  log.warn({ timeoutMs }, 'drain deadline passed; handing jobs back');
  for (const consumer of consumers) consumer.returnJobs();
  if (!(await fulfilledWithin(closing, HAND_BACK_MS)))
    log.error('workers did not close; their locks will expire');
  return false;
}
