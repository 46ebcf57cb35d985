import { fulfilledWithin } from '../base/fulfilled-within.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { PoolThread } from './pool-thread.ts';
import type { FileOperation } from './queued-operation.ts';
import { ThreadError } from './thread-error.ts';
import type { Kind, Operations, Request } from './thread-protocol.ts';

/** Slow threads per file system, and in total, that are replaced by others. */
const SLOW_PER_MOUNT = 8;
const SLOW_IN_TOTAL = 32;

/** A longer average means that threads mostly wait for their disk. */
const DISK_BOUND_MS = 20;

/** Threads end within milliseconds, unless a disk hangs: then they can't be ended. */
const CLOSE_MS = 1000;

export interface PoolOptions {
  /** Name of the threads, for debuggers. */
  readonly name: string;
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

/**
 * Threads that carry out file operations. They are started when needed. A thread whose disk hangs is replaced, and ends
 * when it returns.
 */
export class ThreadPool {
  readonly #options: PoolOptions;
  readonly #queue: DeadlineQueue;
  readonly #threads = new Set<PoolThread>();

  constructor(options: PoolOptions) {
    const { threads, depth, smallLane = false, timeoutMs } = options;
    this.#options = options;
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
          thread = this.#select(request.path);
          const callbacks = { onProgress, onBytes, resolve: resolve as (result: unknown) => void, reject };
          abandon = thread.send(request, callbacks);
        }),
      onSlow: () => thread?.markSlow(),
      onAbandoned: () => abandon?.(),
    });
  }

  /** Ends the threads; pending requests fail with HASHER_CLOSED. May be called again. */
  async close(): Promise<void> {
    this.#queue.close(() => new ThreadError('HASHER_CLOSED', 'The threads that read files were closed'));
    await fulfilledWithin(Promise.all(Array.from(this.#threads, (thread) => thread.close())), CLOSE_MS);
  }

  /** The thread for the next request: an idle one, or a new one, or the one with the fewest requests. */
  #select(path: string): PoolThread {
    const { threads, extraThreads = 0, depth } = this.#options;
    const responsive = [...this.#threads].filter(({ isSlow }) => !isSlow);
    const [leastBusy] = responsive.sort((a, b) => a.load - b.load);
    const isDiskBound = responsive.some(({ averageMs }) => averageMs > DISK_BOUND_MS);
    const maxThreads = isDiskBound ? threads + extraThreads : threads;
    const mayQueue = depth > 1 && responsive.length >= maxThreads;
    if (leastBusy !== undefined && (leastBusy.load === 0 || mayQueue)) return leastBusy;
    return this.#startThread(path);
  }

  #startThread(path: string): PoolThread {
    try {
      const thread: PoolThread = new PoolThread(this.#options.name, {
        idle: () => this.#endIfSurplus(thread),
        exit: () => this.#threads.delete(thread),
      });
      this.#threads.add(thread);
      return thread;
    } catch (cause) {
      throw new ThreadError('HASH_THREAD_DIED', `No thread could be started to read ${path}`, cause);
    }
  }

  /** Ends an idle thread that has returned after it was replaced. */
  #endIfSurplus(thread: PoolThread): void {
    const { threads, extraThreads = 0, smallLane } = this.#options;
    const idle = [...this.#threads].filter(({ load }) => load === 0);
    if (idle.length <= threads + extraThreads + (smallLane ? 1 : 0)) return;
    this.#threads.delete(thread);
    void thread.close();
  }
}
