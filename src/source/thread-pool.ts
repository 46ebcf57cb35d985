import { fulfilledWithin } from '../base/fulfilled-within.ts';
import { DeadlineQueue, type FileOperation } from './deadline-queue.ts';
import type { Kind, Operations, Request } from './disk-thread.ts';
import { Thread } from './thread.ts';
import { ThreadError } from './thread-error.ts';

/** Threads that operations of one file system may hold, and of all of them, before others have to wait for those. */
const HELD_PER_MOUNT = 8;
const HELD_IN_ALL = 32;

/** Requests that usually take longer wait for their disk most of the time. */
const WAITING_MS = 20;

/** Threads end within milliseconds, unless a disk holds them: then they can't be ended at all. */
const CLOSE_MS = 1000;

export interface PoolOptions {
  /** Of the threads, for debuggers. */
  readonly name: string;
  /** Threads that work at the same time, without those that a disk holds. */
  readonly threads: number;
  /** So many more, while requests wait for disks and others could be carried out meanwhile. */
  readonly more?: number;
  /** Requests that a thread has at a time, so that the next one is there at once. */
  readonly depth: number;
  /** Whether there is one thread more, for small operations that others keep waiting. */
  readonly smallLane?: boolean;
  readonly timeoutMs: number;
}

/** What is particular to one request. */
export type AskOptions<K extends Kind> = Pick<
  FileOperation<Operations[K]['returns']>,
  'doing' | 'signal' | 'late' | 'isSmall' | 'mustRun'
> & {
  readonly onProgress?: ((bytes: number) => void) | undefined;
};

/**
 * Threads that work on files. One that a disk holds is replaced by another, and goes when it has returned. Threads start
 * when they are needed.
 */
export class ThreadPool {
  readonly #options: PoolOptions;
  readonly #queue: DeadlineQueue;
  readonly #threads = new Set<Thread>();

  constructor(options: PoolOptions) {
    const { threads, depth, smallLane = false, timeoutMs } = options;
    this.#options = options;
    this.#queue = new DeadlineQueue({
      limit: threads * depth,
      heldPerMount: HELD_PER_MOUNT,
      heldInAll: HELD_IN_ALL,
      smallLane,
      timeoutMs,
      variable: 'SOURCE_READ_TIMEOUT_MS',
    });
  }

  /**
   * Has a thread do something to a file.
   * @throws {SourceError} what the file or its disk is to blame for
   * @throws {ThreadError} when the thread dies, or none can be started, or the pool is closed
   * @throws the signal's reason, at once
   */
  async ask<K extends Kind>(
    request: Request & { readonly kind: K },
    options: AskOptions<K>,
  ): Promise<Operations[K]['returns']> {
    const { onProgress = () => {}, ...operation } = options;
    let thread: Thread | undefined;
    let abandon: (() => void) | undefined;
    return await this.#queue.run<Operations[K]['returns']>({
      ...operation,
      path: request.path,
      start: (goesOn) =>
        new Promise((resolve, reject) => {
          thread = this.#take(request.path);
          const asker = { goesOn, onProgress, reject, resolve: resolve as (result: unknown) => void };
          abandon = thread.send(request, asker);
        }),
      hold: () => thread?.hold(),
      abandon: () => abandon?.(),
    });
  }

  /** Ends the threads; what is asked for and not done fails with HASHER_CLOSED. May be called again. */
  async close(): Promise<void> {
    this.#queue.close(() => new ThreadError('HASHER_CLOSED', 'The threads that read files were closed'));
    await fulfilledWithin(Promise.all(Array.from(this.#threads, (thread) => thread.close())), CLOSE_MS);
  }

  /** The thread to give a request to: an idle one, or a new one, or else the one that has the fewest. */
  #take(path: string): Thread {
    const { threads, more = 0, depth } = this.#options;
    const well = [...this.#threads].filter(({ isHeld }) => !isHeld);
    const [first] = well.sort((a, b) => a.load - b.load);
    const most = well.some(({ usualMs }) => usualMs > WAITING_MS) ? threads + more : threads;
    const mayFollow = depth > 1 && well.length >= most;
    if (first !== undefined && (first.load === 0 || mayFollow)) return first;
    try {
      const thread: Thread = new Thread(this.#options.name, {
        idle: () => this.#endSurplus(thread),
        exit: () => this.#threads.delete(thread),
      });
      this.#threads.add(thread);
      return thread;
    } catch (cause) {
      throw new ThreadError('HASH_THREAD_DIED', `No thread could be started to read ${path}`, cause);
    }
  }

  /** Ends an idle thread that has come back after another took its place. */
  #endSurplus(thread: Thread): void {
    const { threads, more = 0, smallLane } = this.#options;
    const idle = [...this.#threads].filter(({ load }) => load === 0);
    if (idle.length <= threads + more + (smallLane ? 1 : 0)) return;
    this.#threads.delete(thread);
    void thread.close();
  }
}
