import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import { backoffDelayMs } from '../queue/backoff.ts';
import type { RedisClient } from '../redis/client.ts';
import { workerConnection } from '../redis/connection.ts';
import { isRedisError, RedisUnavailableError } from '../redis/errors.ts';
import { readHashFields } from '../redis/hash-fields.ts';
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
import {
  type EndRecord,
  EVENT_FIELDS,
  type EventFields,
  toEndEvent,
  toProgressEvent,
  type UploadCompletedEvent,
  type UploadEndEvent,
  type UploadFailedEvent,
  type UploadProgressEvent,
} from './subscriber-events.ts';

/** What to do with events; each may take its time, and the next event waits for it. */
export interface Subscriber {
  /**
   * The name under which Redis remembers what has been dealt with: 1 to 64 letters, digits, `.`, `_` or `-`. Each name
   * gets all events. Of several processes with the same name one at a time is told of them; when it is gone, another.
   */
  readonly consumer: string;
  /** Told of each at least once, also of those that came while nobody was there. What it throws makes it be told again. */
  readonly onCompleted?: (event: UploadCompletedEvent) => unknown;
  readonly onFailed?: (event: UploadFailedEvent) => unknown;
  /** Told the newest state of an upload under way, never of the past, and not again when it throws. */
  readonly onProgress?: (event: UploadProgressEvent) => unknown;
  /**
   * Told what the others throw; with a {@link RedisUnavailableError}, once, that Redis is away, and events wait there;
   * and with an {@link EventsMissedError} that events may be missing for good.
   */
  readonly onError: (error: unknown) => unknown;
}

/** Times between attempts at one event; it doubles. */
const BACKOFF = { baseMs: 1000, maxMs: 60_000 };
/** A process that isn't the one looks this often whether it is to be. */
const STANDBY_MS = 1000;
/** Events come in bursts: one read for all of them. */
const GATHER_MS = 20;

/** What is told of. */
const NEWS: ReadonlySet<string> = new Set(['progress', 'completed', 'failed']);

/** Follows the ends of uploads for one named consumer, until it is closed. */
export class Subscription {
  readonly #subscriber: Subscriber;
  readonly #uploads: Queue;
  readonly #redis: RedisClient;
  readonly #target: RedisTarget;
  readonly #stream: BullmqEventReader;
  readonly #lease: Lease;
  readonly #blocking: RedisClient;
  readonly #closed = new AbortController();
  readonly #ended: Promise<void>;
  /** Ids of the ends that were told from the lists, and may come once more from the stream. */
  #caughtUp = new Set<string>();
  /** Progress that is not newer than this is of the past. */
  #since = '';

  /**
   * @param uploads the queue of upload jobs
   * @param options.redis for commands; for the reads that wait, a connection of its own is made
   */
  constructor(
    subscriber: Subscriber,
    uploads: Queue,
    options: { readonly redis: RedisClient; readonly target: RedisTarget; readonly prefix: string },
  ) {
    const { redis, target, prefix } = options;
    const { consumer } = subscriber;
    this.#subscriber = subscriber;
    this.#uploads = uploads;
    this.#redis = redis;
    this.#target = target;
    this.#stream = new BullmqEventReader(redis, uploads, { prefix, consumer });
    this.#lease = new Lease(redis, leaseKey(prefix, consumer));
    this.#blocking = workerConnection(target, () => {});
    this.#ended = this.#run();
  }

  /** Waits for the event that is being dealt with; another process takes over at once. */
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
    for (let failures = 0; !this.#isClosed; ) {
      try {
        await this.#waitUntilReady();
        if (this.#isClosed) return;
        await this.#stream.begin();
        if (await this.#lease.acquire()) await this.#follow();
        else await this.#pause(STANDBY_MS);
        failures = 0;
      } catch (error) {
        if (this.#isClosed) return;
        const isAway = error instanceof RedisUnavailableError || isRedisError(error);
        if (!isAway || failures === 0) await this.#tell(error);
        await this.#pause(backoffDelayMs(++failures, { baseMs: STANDBY_MS, maxMs: 10_000 }));
      }
    }
  }

  async #waitUntilReady(): Promise<void> {
    if (this.#redis.status === 'ready') return;
    const closed = new AbortController();
    const ready = waitUntilReady(this.#redis, this.#target.location);
    try {
      await Promise.race([ready, once(this.#closed.signal, 'abort', { signal: closed.signal })]);
    } finally {
      ready.catch(() => {});
      closed.abort();
    }
  }

  /** Tells of events for as long as the lease is this process's. */
  async #follow(): Promise<void> {
    this.#since = await this.#stream.newest();
    while (!this.#isClosed) {
      const read = await this.#stream.read();
      if (!read.unbroken && !(await this.#catchUp(read))) return;
      if (read.entries.length > 0 && !(await this.#tellAll(read.entries))) return;
      if (read.unbroken && read.entries.length === 0) {
        await this.#stream.news(this.#blocking, read.cursor);
        await this.#pause(GATHER_MS);
        if (!(await this.#lease.acquire())) return;
      }
    }
  }

  /** Tells of the ends that the stream has no longer. @returns whether to go on */
  async #catchUp({ cursor, entries: [first] }: StreamRead): Promise<boolean> {
    const gap = { fromMs: entryMs(cursor), ...(first !== undefined && { toMs: entryMs(first.id) }) };
    this.#caughtUp = new Set();
    for await (const end of readMissedEnds(this.#uploads, this.#redis, gap)) {
      if (!(await this.#deal(end))) return false;
      this.#caughtUp.add(end.id);
    }
    if (await endsWereRemoved(this.#uploads, this.#redis, gap.fromMs)) {
      await this.#tell(new EventsMissedError(new Date(gap.fromMs), new Date(gap.toMs ?? Date.now())));
    }
    // Nothing in the stream to stand at.
    return first !== undefined || (await this.#stream.move(this.#lease));
  }

  async #tellAll(entries: readonly StreamEntry[]): Promise<boolean> {
    const fields = await this.#fieldsOf(entries);
    // Later than its end, or than a newer state, it is no news.
    const news = entries.filter(({ fields: { event = '' } }) => NEWS.has(event));
    const newest = new Map(news.map(({ id, fields: { jobId = '' } }) => [jobId, id]));
    for (const [index, entry] of entries.entries()) {
      const { event, jobId = '', data = '' } = entry.fields;
      const known = fields.get(jobId) ?? [];
      if (event === 'progress' && isLater(entry.id, this.#since) && newest.get(jobId) === entry.id) {
        const progress = toProgressEvent(jobId, data, known);
        if (progress !== undefined) await this.#tellProgress(progress);
      }
      const end = endOf(entry, entries[index + 1]);
      const told = end && toEndEvent(end, known);
      if (told === undefined || this.#caughtUp.has(told.id)) continue;
      if (!(await this.#deal(told)) || !(await this.#stream.move(this.#lease, entry.id))) return false;
    }
    return await this.#stream.move(this.#lease, entries.at(-1)?.id);
  }

  /** What the jobs say of themselves, of the uploads that somebody is to be told of. */
  async #fieldsOf(entries: readonly StreamEntry[]): Promise<ReadonlyMap<string, EventFields>> {
    const told = entries.filter(({ fields: { event = '' } }) => {
      return NEWS.has(event) && (event !== 'progress' || this.#subscriber.onProgress !== undefined);
    });
    const ids = [...new Set(told.map(({ fields }) => fields.jobId ?? ''))];
    const keys = ids.map((id) => this.#uploads.toKey(id));
    const found = new Map<string, EventFields>();
    for await (const values of readHashFields(this.#redis, keys, EVENT_FIELDS)) {
      found.set(ids[found.size] as string, values);
    }
    return found;
  }

  /** Until it is dealt with. @returns false when that didn't come to pass before this was closed */
  async #deal(event: UploadEndEvent): Promise<boolean> {
    const { onCompleted, onFailed } = this.#subscriber;
    for (let failures = 0; !this.#isClosed; ) {
      try {
        if (event.type === 'upload.completed') await onCompleted?.(event);
        else await onFailed?.(event);
        return true;
      } catch (error) {
        await this.#tell(error);
        await this.#pause(backoffDelayMs(++failures, BACKOFF));
      }
    }
    return false;
  }

  async #tellProgress(event: UploadProgressEvent): Promise<void> {
    try {
      await this.#subscriber.onProgress?.(event);
    } catch (error) {
      await this.#tell(error);
    }
  }

  /** An error in whoever is told of errors is nobody's any more. */
  async #tell(error: unknown): Promise<void> {
    try {
      await this.#subscriber.onError(error);
    } catch {}
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closed;
    await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
  }
}

/** @param next BullMQ writes down how many attempts there were behind a failure */
function endOf({ id, fields }: StreamEntry, next: StreamEntry | undefined): EndRecord | undefined {
  const { event, jobId: uploadId = '' } = fields;
  if (event !== 'completed' && event !== 'failed') return undefined;
  const end = { uploadId, event, atMs: entryMs(id), entryId: id } as const;
  if (event === 'completed') return { ...end, value: fields.returnvalue ?? '' };
  const isOfThis = next?.fields.event === 'retries-exhausted' && next.fields.jobId === uploadId;
  const attempt = isOfThis ? { attempt: Number(next.fields.attemptsMade) } : {};
  return { ...end, value: fields.failedReason ?? '', ...attempt };
}
