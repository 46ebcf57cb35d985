import { fulfilledWithin } from '../base/fulfilled-within.ts';
import { PoolThread } from './pool-thread.ts';
import { ThreadError } from './thread-error.ts';

/** Threads end within milliseconds, unless a disk hangs: then they can't be ended. */
const CLOSE_MS = 1000;

/**
 * Threads that pools can share, because each needs 11 MB. A thread belongs to a pool while it carries out requests of that
 * pool; an idle one belongs to none. Threads are started when needed.
 */
export class ThreadSet {
  readonly #name: string;
  readonly #poolOf = new Map<PoolThread, object>();
  #maxIdle = 0;

  /** @param name of the threads, for debuggers */
  constructor(name: string) {
    this.#name = name;
  }

  /** Idle threads beyond the sum of these numbers are ended. */
  keepIdle(count: number): void {
    this.#maxIdle += count;
  }

  /** The threads that carry out requests of a pool. */
  busy(pool: object): PoolThread[] {
    return [...this.#poolOf].flatMap(([thread, owner]) =>
      owner === pool && thread.load > 0 ? [thread] : [],
    );
  }

  /**
   * An idle thread, or a new one, which belongs to the pool from its first request on.
   * @throws {ThreadError} when none can be started
   */
  take(pool: object, path: string): PoolThread {
    const thread = this.#idle()[0] ?? this.#start(path);
    this.#poolOf.set(thread, pool);
    return thread;
  }

  /** Ends the threads of all pools. May be called again. */
  async close(): Promise<void> {
    const ended = Array.from(this.#poolOf.keys(), (thread) => thread.close());
    await fulfilledWithin(Promise.all(ended), CLOSE_MS);
  }

  #idle(): PoolThread[] {
    return [...this.#poolOf.keys()].filter(({ load }) => load === 0);
  }

  #start(path: string): PoolThread {
    try {
      const thread: PoolThread = new PoolThread(this.#name, {
        idle: () => this.#endIfSurplus(thread),
        exit: () => this.#poolOf.delete(thread),
      });
      return thread;
    } catch (cause) {
      throw new ThreadError('HASH_THREAD_DIED', `No thread could be started to read ${path}`, cause);
    }
  }

  /** Ends an idle thread that has returned after it was replaced. */
  #endIfSurplus(thread: PoolThread): void {
    if (this.#idle().length <= this.#maxIdle) return;
    this.#poolOf.delete(thread);
    void thread.close();
  }
}
