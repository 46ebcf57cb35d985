import { DeadlineQueue, READ_TIMEOUT_MS } from './deadline-queue.ts';

/**
 * Asynchronous looks at files, of all callers in this process. Each may hold one of the four threads that Node has for
 * asynchronous calls and that look-ups of host names wait for as well: so of the four they get three at most.
 */
const queue = new DeadlineQueue({ limit: 2, heldPerMount: 1, heldInAll: 1, timeoutMs: READ_TIMEOUT_MS });

/**
 * Looks at a path without threads of one's own, as is fit for an application's process.
 * @param look one asynchronous call after the other
 * @throws {SourceError} SOURCE_READ_FAILED when the disk hangs, or what `look` throws
 */
export async function lookAt<T>(path: string, look: () => Promise<T>): Promise<T> {
  return await queue.run({
    path,
    doing: () => 'looking at it',
    start(goesOn) {
      goesOn();
      return look();
    },
  });
}
