import { QueueEvents } from 'bullmq';
import { QUEUES } from '../queue/names.ts';
import { type RedisClient, type RedisTarget, workerConnection } from '../redis/connection.ts';

/** Without an event an upload is looked at this often: events are hints, and some are lost when Redis is away. */
const POLL_MS = 2000;
/** All that are followed together are looked at so often a second, at most. */
const POLLS_PER_SECOND = 50;

/** How long to wait for an event of an upload before it is looked at without one, when so many are followed; ms. */
export function pollIntervalMs(followed: number): number {
  return Math.max(POLL_MS, (followed * 1000) / POLLS_PER_SECOND);
}

/** What somebody waits for: any change, or the end. */
export type WatchFor = 'change' | 'end';

type Listener = (what: WatchFor) => void;

/** Where events are read from when the newest that there is can't be told: those that come. */
const NEW_ONES = '$';

/** Tells when an upload may have changed. One connection, opened when somebody first listens. */
export class UploadWatcher {
  readonly #target: RedisTarget;
  readonly #prefix: string;
  readonly #newest: () => Promise<string>;
  readonly #listeners = new Map<string, Set<Listener>>();
  #opened: Promise<void> | undefined;
  #isClosed = false;
  #close: (() => Promise<void>) | undefined;

  /** @param options.newest the id of the newest event of uploads */
  constructor(
    target: RedisTarget,
    options: { readonly prefix: string; readonly newest: () => Promise<string> },
  ) {
    this.#target = target;
    this.#prefix = options.prefix;
    this.#newest = options.newest;
  }

  /**
   * Yields at once, and then whenever the upload may have changed, or might have without an event; see
   * {@link pollIntervalMs}. Changes while the consumer was busy are told as one. Who awaits the end is not told of what comes before it.
   */
  async *changes(uploadId: string, watchFor: WatchFor): AsyncGenerator<void, void, undefined> {
    let changed = true;
    let wakeUp = (): void => {};
    const listener: Listener = (what) => {
      if (watchFor === 'end' && what !== 'end') return;
      changed = true;
      wakeUp();
    };
    const listeners = this.#listeners.get(uploadId) ?? new Set();
    this.#listeners.set(uploadId, listeners.add(listener));
    try {
      // Before the first look, so that nothing comes between that and the first event.
      this.#opened ??= this.#open();
      await this.#opened;
      for (;;) {
        changed = false;
        yield;
        if (changed) continue;
        await new Promise<void>((resolve) => {
          // Not all of them at the same moment.
          const timer = setTimeout(resolve, pollIntervalMs(this.#listeners.size) * (0.5 + Math.random()));
          wakeUp = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    } finally {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(uploadId);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#close?.();
  }

  async #open(): Promise<void> {
    const lastEventId = await this.#newest().catch(() => NEW_ONES);
    if (this.#isClosed) return;
    const connection = workerConnection(this.#target, () => {});
    // BullMQ reads the events on a copy of its own, and to close it waits for that one's Redis, for ever if need be.
    const copies: RedisClient[] = [];
    const duplicate: (...args: never[]) => RedisClient = connection.duplicate.bind(connection);
    Object.assign(connection, {
      duplicate: (...args: never[]) => {
        const copy = duplicate(...args);
        copies.push(copy);
        return copy;
      },
    });
    const events = new QueueEvents(QUEUES.upload, { connection, prefix: this.#prefix, lastEventId });
    events.on('error', () => {});
    const tell =
      (what: WatchFor) =>
      ({ jobId }: { jobId: string }): void => {
        for (const listener of this.#listeners.get(jobId) ?? []) listener(what);
      };
    for (const event of ['active', 'progress', 'waiting'] as const) events.on(event, tell('change'));
    for (const event of ['completed', 'failed'] as const) events.on(event, tell('end'));
    this.#close = async () => {
      const closed = events.close().catch(() => {});
      if (copies.every(({ status }) => status === 'ready')) await closed;
      for (const one of [connection, ...copies]) one.disconnect();
    };
  }
}
