import { DeadlineQueue } from './deadline-queue.ts';
import type { PoolThread, RequestCallbacks } from './pool-thread.ts';
import type { FileOperation } from './queued-operation.ts';
import { ThreadError } from './thread-error.ts';
import type { Kind, Operations, Request } from './thread-protocol.ts';
import type { ThreadSet } from './thread-set.ts';

/** Slow threads per file system, and in total, that are replaced by others. */
const SLOW_PER_MOUNT = 8;
const SLOW_IN_TOTAL = 32;

/** With a longer average, reads mostly wait for their disk. */
const DISK_BOUND_MS = 20;

/** Reads that the moving average is about. One that had to wait for a CPU should not start a thread. */
const AVERAGED_READS = 16;

export interface PoolOptions {
  /** The threads, which other pools may use as well. */
  readonly set: ThreadSet;
  /** Number of threads, without slow ones. */
  readonly threads: number;
  /** Additional threads while requests mostly wait for disks. */
  readonly extraThreads?: number;
  /** Requests that are sent to a thread at a time, so that it has the next one at once. */
  readonly depth: number;
  /** Whether there is an additional thread for small operations when all others are busy. */
  readonly smallLane?: boolean;
  readonly timeoutMs: number;
}

/** Options of one request. */
export type RunOptions<K extends Kind> = Pick<
  FileOperation<Operations[K]['result']>,
  'describe' | 'signal' | 'onLateResult' | 'isSmall' | 'mustRun'
> & {
  readonly onBytes?: ((bytes: number) => void) | undefined;
};

/** Carries out file operations in threads. A thread whose disk hangs is replaced, and ends when it returns. */
export class ThreadPool {
  readonly #options: PoolOptions;
  readonly #queue: DeadlineQueue;
  /** Moving average of the time that a read waited for its disk. */
  #diskMs = 0;

  constructor(options: PoolOptions) {
    const { set, threads, extraThreads = 0, depth, smallLane = false, timeoutMs } = options;
    this.#options = options;
    set.keepIdle(threads + extraThreads + (smallLane ? 1 : 0));
    this.#queue = new DeadlineQueue({
      limit: threads * depth,
      slowPerMount: SLOW_PER_MOUNT,
      slowInTotal: SLOW_IN_TOTAL,
      smallLane,
      timeoutMs,
      variable: 'SOURCE_READ_TIMEOUT_MS',
    });
  }

  /**
   * Carries out an operation in a thread.
   * @throws {SourceError} errors of the file or its disk
   * @throws {ThreadError} when the thread dies, or none can be started, or the pool is closed
   * @throws the signal's reason, at once
   */
  async run<K extends Kind>(
    request: Request & { readonly kind: K },
    options: RunOptions<K>,
  ): Promise<Operations[K]['result']> {
    const { onBytes = () => {}, ...operation } = options;
    let thread: PoolThread | undefined;
    let abandon: (() => void) | undefined;
    return await this.#queue.run<Operations[K]['result']>({
      ...operation,
      path: request.path,
      start: (onProgress) =>
        new Promise((resolve, reject) => {
          const callbacks: RequestCallbacks = {
            ...{ onProgress, onBytes, reject },
            resolve: (result, diskMs) => {
              if (diskMs !== undefined) this.#diskMs += (diskMs - this.#diskMs) / AVERAGED_READS;
              resolve(result as Operations[K]['result']);
            },
          };
          thread = this.#select(request.path);
          abandon = thread.send(request, callbacks);
        }),
      onSlow: () => thread?.markSlow(),
      onAbandoned: () => abandon?.(),
    });
  }

  /** Ends the threads, also for other pools; pending requests fail with HASHER_CLOSED. May be called again. */
  async close(): Promise<void> {
    this.#queue.close(() => new ThreadError('HASHER_CLOSED', 'The threads that read files were closed'));
    await this.#options.set.close();
  }

  /** The thread for the next request: an idle or new one, or at the limit the one with the fewest requests. */
  #select(path: string): PoolThread {
    const { set, threads, extraThreads = 0, depth } = this.#options;
    const responsive = set.busy(this).filter(({ isSlow }) => !isSlow);
    const maxThreads = this.#diskMs > DISK_BOUND_MS ? threads + extraThreads : threads;
    const [leastBusy] = responsive.sort((a, b) => a.load - b.load);
    const mayQueue = depth > 1 && responsive.length >= maxThreads;
    return leastBusy !== undefined && mayQueue ? leastBusy : set.take(this, path);
  }
}
