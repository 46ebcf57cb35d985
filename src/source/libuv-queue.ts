import { DeadlineQueue, READ_TIMEOUT_MS } from './deadline-queue.ts';

/**
 * Asynchronous file system calls of this process. A hung disk holds the thread of such a call. Node has four of them
 * (libuv's pool), which DNS look-ups need as well: file system calls get at most three.
 */
const queue = new DeadlineQueue({ limit: 2, slowPerMount: 1, slowInTotal: 1, timeoutMs: READ_TIMEOUT_MS });

/**
 * Runs file system calls without threads of our own, for use in an application's process.
 * @param calls asynchronous calls, one after the other
 * @throws {SourceError} SOURCE_READ_FAILED when the disk hangs, or what `calls` throws
 */
export async function queueFileCalls<T>(path: string, calls: () => Promise<T>): Promise<T> {
  return await queue.run({
    path,
    describe: () => 'checking it',
    start(onProgress) {
      onProgress();
      return calls();
    },
  });
}
