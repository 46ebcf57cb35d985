import { fulfilledWithin } from '../src/base/fulfilled-within.ts';
import type { Logger } from '../src/process/log.ts';

/** After the hand-back, workers get this long to tell Redis. */
export const HAND_BACK_MS = 5000;

/**
 * Closes workers: first they take no more jobs and end those at work; at the deadline what is left is aborted and
 * handed back, which spends no attempt. BullMQ's own close waits without limit and can't be hurried afterwards.
 * @returns whether everything had ended by itself.
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
    log.error('workers did not close; their locks will run out');
  return false;
}
