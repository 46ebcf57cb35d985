import type { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** The threads with this name that this process starts from now on. */
export function startedThreads(name: 'hash' | 'disk' | 'files' = 'hash'): Worker[] {
  const threads: Worker[] = [];
  const add = (thread: Worker) => {
    if (thread.threadName === name) threads.push(thread);
  };
  process.on('worker', add);
  onTestFinished(() => void process.off('worker', add));
  return threads;
}
