import { once } from 'node:events';
import type { Queue } from 'bullmq';
import { defined } from '../base/defined.ts';
import { backoffDelayMs } from '../queue/backoff.ts';
import type { RedisClient } from '../redis/client.ts';
import { workerConnection } from '../redis/connection.ts';
import { isRedisError, RedisUnavailableError } from '../redis/errors.ts';
import { Lease } from '../redis/lease.ts';
import type { RedisTarget } from '../redis/target.ts';
import { waitUntilReady } from '../redis/wait-until-ready.ts';
import {
  BullmqEventReader,
  entryMs,
  isLater,
  leaseKey,
  type StreamEntry,
  type StreamRead,
} from './bullmq-event-reader.ts';
import { EventsMissedError, endsWereRemoved, readMissedEnds } from './missed-events.ts';
import { newestEntryIds, readJobFields, toEndRecord } from './stream-entries.ts';
import { pause, type Subscriber, SubscriberCalls } from './subscriber.ts';
import { toEndEvent, toProgressEvent } from './subscriber-events.ts';

/** How often a process without the lease tries to take it, and the base of its backoff after errors. */
const STANDBY_MS = 1000;
const MAX_ERROR_BACKOFF_MS = 10_000;
/** Default delay between a new event and the next read: events come in bursts, and one read then returns all of them. */
const BATCH_DELAY_MS = 20;

/** Notifies one consumer of the events of all uploads until it is closed. */
export class Subscription {
  readonly #uploads: Queue;
  readonly #redis: RedisClient;
  readonly #target: RedisTarget;
  readonly #reader: BullmqEventReader;
  readonly #lease: Lease;
  readonly #calls: SubscriberCalls;
  readonly #blocking: RedisClient;
  readonly #closed = new AbortController();
  readonly #ended: Promise<void>;
  readonly #batchDelayMs: number;
  /** Ids of the ends delivered by {@link #catchUp}: the stream may contain them too. */
  #caughtUp = new Set<string>();
  /** The newest entry when this process took the lease. Progress up to there is outdated. */
  #followingSince = '';

  /**
   * @param uploads the queue of upload jobs
   * @param options.redis for commands; blocking reads use a separate connection
   * @param options.batchDelayMs how long events are collected before they are read together
   */
  constructor(
    subscriber: Subscriber,
    uploads: Queue,
    options: {
      readonly redis: RedisClient;
      readonly target: RedisTarget;
      readonly prefix: string;
      readonly batchDelayMs?: number;
    },
  ) {
    const { redis, target, prefix, batchDelayMs = BATCH_DELAY_MS } = options;
    const { consumer } = subscriber;
    this.#uploads = uploads;
    this.#redis = redis;
    this.#target = target;
    this.#reader = new BullmqEventReader(redis, uploads, { prefix, consumer });
    this.#lease = new Lease(redis, leaseKey(prefix, consumer));
    this.#calls = new SubscriberCalls(subscriber, this.#closed.signal);
    this.#batchDelayMs = batchDelayMs;
    this.#blocking = workerConnection(target, () => {});
    this.#ended = this.#run();
  }

  /** Waits for the callback that is running. Another process with the same consumer name takes over at once. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#blocking.disconnect();
    await this.#ended;
    await this.#lease.release().catch(() => {});
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closed;
    for (let failures = 0; !this.#isClosed; ) {
      try {
        await this.#waitUntilReady();
        if (this.#isClosed) return;
        await this.#reader.register();
        if (await this.#lease.acquire()) await this.#follow();
        else await pause(STANDBY_MS, signal);
        failures = 0;
      } catch (error) {
        if (this.#isClosed) return;
        const isUnavailable = error instanceof RedisUnavailableError || isRedisError(error);
        if (!isUnavailable || failures === 0) await this.#calls.reportError(error);
        const delayMs = backoffDelayMs(++failures, { baseMs: STANDBY_MS, maxMs: MAX_ERROR_BACKOFF_MS });
        await pause(delayMs, signal);
      }
    }
  }

  /** Waits until Redis is connected or the subscription is closed. */
  async #waitUntilReady(): Promise<void> {
    if (this.#redis.status === 'ready') return;
    const settled = new AbortController();
    const ready = waitUntilReady(this.#redis, this.#target.location);
    try {
      await Promise.race([ready, once(this.#closed.signal, 'abort', { signal: settled.signal })]);
    } finally {
      ready.catch(() => {});
      settled.abort();
    }
  }

  /** Processes events while this process holds the lease. */
  async #follow(): Promise<void> {
    this.#followingSince = await this.#reader.newestId();
    while (!this.#isClosed) {
      const read = await this.#reader.read(this.#lease);
      if (read === undefined) return;
      const { cursor, unbroken, entries, hasMore } = read;
      if (!unbroken && !(await this.#catchUp(read))) return;
      if (entries.length > 0 && !(await this.#process(entries))) return;
      if (!unbroken || hasMore) continue;
      await this.#reader.waitForNew(this.#blocking, entries.at(-1)?.id ?? cursor);
      await pause(this.#batchDelayMs, this.#closed.signal);
    }
  }

  /** Delivers the ends that were trimmed from the stream. @returns false when the lease or the subscription ended */
  async #catchUp({ cursor, entries: [first] }: StreamRead): Promise<boolean> {
    const gap = { fromMs: entryMs(cursor), ...defined({ toMs: first && entryMs(first.id) }) };
    this.#caughtUp = new Set();
    for await (const end of readMissedEnds(this.#uploads, this.#redis, gap)) {
      if (!(await this.#calls.deliver(end))) return false;
      this.#caughtUp.add(end.id);
    }
    if (await endsWereRemoved(this.#uploads, this.#redis, gap.fromMs)) {
      const to = new Date(gap.toMs ?? Date.now());
      await this.#calls.reportError(new EventsMissedError(new Date(gap.fromMs), to));
    }
    // In an empty stream no other entry can become the cursor.
    return first !== undefined || (await this.#reader.commit(this.#lease));
  }

  /** Delivers a batch, moving the cursor after each end. @returns false when the lease or the subscription ended */
  async #process(entries: readonly StreamEntry[]): Promise<boolean> {
    const withProgress = this.#calls.wantsProgress;
    const jobs = await readJobFields(this.#redis, this.#uploads, entries, { withProgress });
    const newest = newestEntryIds(entries);
    let committedId: string | undefined;
    for (const [index, entry] of entries.entries()) {
      const { event, jobId = '', data = '' } = entry.fields;
      const fields = jobs.get(jobId) ?? [];
      const isCurrent = newest.get(jobId) === entry.id && isLater(entry.id, this.#followingSince);
      if (event === 'progress' && isCurrent) {
        const progress = toProgressEvent(jobId, data, fields);
        if (progress !== undefined) await this.#calls.reportProgress(progress);
      }
      const record = toEndRecord(entry, entries[index + 1]);
      const end = record && toEndEvent(record, fields);
      if (end === undefined || this.#caughtUp.has(end.id)) continue;
      if (!(await this.#calls.deliver(end))) return false;
      if (!(await this.#reader.commit(this.#lease, entry.id))) return false;
      committedId = entry.id;
    }
    const lastId = entries.at(-1)?.id;
    return lastId === committedId || (await this.#reader.commit(this.#lease, lastId));
  }
}
