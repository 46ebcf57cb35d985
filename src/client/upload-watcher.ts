import { QueueEvents } from 'bullmq';
import { newestEventId } from '../notify/bullmq-event-reader.ts';
import { QUEUES } from '../queue/names.ts';
import type { RedisClient } from '../redis/client.ts';
import { workerConnection } from '../redis/connection.ts';
import type { ProducerConnection } from './producer-connection.ts';

/** How often an upload is polled without an event. Events can be lost while Redis is unavailable, so polling is needed. */
const POLL_MS = 2000;
/** Limit for all followed uploads together. */
const MAX_POLLS_PER_SECOND = 50;

/** How often each upload is polled without an event, in ms, when this many are followed. */
export function pollIntervalMs(followed: number): number {
  return Math.max(POLL_MS, (followed * 1000) / MAX_POLLS_PER_SECOND);
}

/** What a caller waits for: any change of an upload, or only its end. */
export type WatchFor = 'change' | 'end';

type Listener = (event: WatchFor) => void;

/** Stream position for events from now on. */
const NEW_EVENTS = '$';

/**
 * Watches BullMQ's events for changes of uploads, for callers that wait for an upload in this process. Opens one
 * connection, at the first call of {@link changes}.
 */
export class UploadWatcher {
  readonly #producer: ProducerConnection;
  readonly #listeners = new Map<string, Set<Listener>>();
  #opened: Promise<void> | undefined;
  #isClosed = false;
  #close: (() => Promise<void>) | undefined;

  constructor(producer: ProducerConnection) {
    this.#producer = producer;
  }

  /**
   * Yields at once, and then whenever the upload may have changed, or {@link pollIntervalMs} has passed. Several changes
   * while the consumer is busy yield once. With `end`, changes before the upload's end do not yield.
   */
  async *changes(uploadId: string, watchFor: WatchFor): AsyncGenerator<void, void, undefined> {
    let changed = true;
    let wakeUp = (): void => {};
    const listener: Listener = (event) => {
      if (watchFor === 'end' && event !== 'end') return;
      changed = true;
      wakeUp();
    };
    const listeners = this.#listeners.get(uploadId) ?? new Set();
    this.#listeners.set(uploadId, listeners.add(listener));
    try {
      // Opened before the first yield: no change between the caller's first read and the first event is missed.
      this.#opened ??= this.#open();
      await this.#opened;
      for (;;) {
        changed = false;
        yield;
        if (changed) continue;
        await new Promise<void>((resolve) => {
          // Jitter spreads the polls of many uploads.
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
    const { queues, redis, target, prefix } = this.#producer;
    const lastEventId = await this.#producer
      .run(() => newestEventId(redis, queues.upload))
      .catch(() => NEW_EVENTS);
    if (this.#isClosed) return;
    const connection = workerConnection(target, () => {});
    const copies = recordDuplicates(connection);
    const events = new QueueEvents(QUEUES.upload, { connection, prefix, lastEventId });
    events.on('error', () => {});
    const notify =
      (event: WatchFor) =>
      ({ jobId }: { jobId: string }): void => {
        for (const listener of this.#listeners.get(jobId) ?? []) listener(event);
      };
    for (const name of ['active', 'progress', 'waiting'] as const) events.on(name, notify('change'));
    for (const name of ['completed', 'failed'] as const) events.on(name, notify('end'));
    this.#close = async () => {
      const closed = events.close().catch(() => {});
      if (copies.every(({ status }) => status === 'ready')) await closed;
      for (const each of [connection, ...copies]) each.disconnect();
    };
  }
}

/**
 * Records the copies that BullMQ makes of a connection. QueueEvents reads from a copy, and its `close` waits without
 * limit for that copy to be connected: only by disconnecting the copies can a caller close it while Redis is unavailable.
 */
function recordDuplicates(connection: RedisClient): readonly RedisClient[] {
  const copies: RedisClient[] = [];
  const duplicate: (...args: never[]) => RedisClient = connection.duplicate.bind(connection);
  Object.assign(connection, {
    duplicate: (...args: never[]) => {
      const copy = duplicate(...args);
      copies.push(copy);
      return copy;
    },
  });
  return copies;
}
