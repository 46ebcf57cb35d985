import type { Queue } from 'bullmq';
import type { RedisClient } from '../redis/client.ts';
import type { Lease } from '../redis/lease.ts';

/** Entries per read. */
const BATCH_SIZE = 500;
/** How long one blocking read waits for a new entry. */
const BLOCK_MS = 2000;

/** An entry of BullMQ's event stream. BullMQ writes it in the same script as the change that it reports. */
export interface StreamEntry {
  /** `<milliseconds since 1970>-<number>`, by Redis's clock. */
  readonly id: string;
  /** `event`, `jobId`, and fields specific to the event. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface StreamRead {
  /** The entry that the consumer has processed last. */
  readonly cursor: string;
  /** Whether the stream still has the entry at the cursor. If not, entries after it may have been trimmed too. */
  readonly unbroken: boolean;
  readonly entries: readonly StreamEntry[];
  /** Whether the stream may have more entries after these. */
  readonly hasMore: boolean;
}

/** The cursor is always the id of an entry that existed, so that a missing entry reveals a gap. */
const REGISTER = `
local cursor = redis.call('GET', KEYS[2])
if cursor then return cursor end
cursor = redis.call('XADD', KEYS[1], '*', 'event', 'subscribed')
redis.call('SET', KEYS[2], cursor)
return cursor`;

/** Returns the cursor, '' if it is gone, or nil without the lease; and the entries from the cursor on. */
const READ = `
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return false end
local cursor = redis.call('GET', KEYS[2])
if not cursor then return {''} end
return {cursor, redis.call('XRANGE', KEYS[1], cursor, '+', 'COUNT', ARGV[2])}`;

const COMMIT = `
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return false end
local cursor = ARGV[2]
if cursor == '' then cursor = redis.call('XADD', KEYS[1], '*', 'event', 'subscribed') end
redis.call('SET', KEYS[2], cursor)
return cursor`;

/** Reads BullMQ's event stream of the upload queue for one named consumer, whose cursor is stored in Redis. */
export class BullmqEventReader {
  readonly #redis: RedisClient;
  readonly #uploads: Queue;
  readonly #streamKey: string;
  readonly #cursorKey: string;

  /** @param uploads the queue of upload jobs */
  constructor(
    redis: RedisClient,
    uploads: Queue,
    options: { readonly prefix: string; readonly consumer: string },
  ) {
    this.#redis = redis;
    this.#uploads = uploads;
    this.#streamKey = uploads.toKey('events');
    this.#cursorKey = cursorKey(options.prefix, options.consumer);
  }

  /** Stores a cursor for a new consumer, which misses no event from then on. @returns the cursor */
  async register(): Promise<string> {
    return (await this.#redis.eval(REGISTER, 2, this.#streamKey, this.#cursorKey)) as string;
  }

  /**
   * Reads the next entries after the cursor. Does not move the cursor.
   * @returns undefined when this process no longer holds the lease
   */
  async read(lease: Lease): Promise<StreamRead | undefined> {
    const keys = [this.#streamKey, this.#cursorKey, lease.key];
    // With the entry at the cursor.
    const count = BATCH_SIZE + 1;
    const reply = await this.#redis.eval(READ, keys.length, ...keys, lease.token, count);
    if (reply === null) return undefined;
    const [cursor, found = []] = reply as [string, [string, string[]][]?];
    // The cursor is gone: Redis was flushed.
    if (cursor === '') return { cursor: await this.register(), unbroken: true, entries: [], hasMore: false };
    const unbroken = found[0]?.[0] === cursor;
    const next = (unbroken ? found.slice(1) : found).slice(0, BATCH_SIZE);
    const entries = next.map(([id, values]) => ({ id, fields: toRecord(values) }));
    const hasMore = entries.length === BATCH_SIZE;
    // BullMQ writes two entries per failure at once, and the second contains the attempt: keep them in one batch.
    if (hasMore && entries.at(-1)?.fields.event === 'failed') entries.pop();
    return { cursor, unbroken, entries, hasMore };
  }

  /**
   * Moves the cursor to this entry; without one, to the end of the stream.
   * @returns false, with the cursor unchanged, when another process has taken the lease
   */
  async commit(lease: Lease, entryId = ''): Promise<boolean> {
    const keys = [this.#streamKey, this.#cursorKey, lease.key];
    return (await this.#redis.eval(COMMIT, keys.length, ...keys, lease.token, entryId)) !== null;
  }

  /** The id of the newest entry. */
  async newestId(): Promise<string> {
    return await newestEventId(this.#redis, this.#uploads);
  }

  /** Resolves when there is an entry after the cursor, or after 2 s. @param blocking a connection used only for this */
  async waitForNew(blocking: RedisClient, cursor: string): Promise<void> {
    await blocking.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', this.#streamKey, cursor);
  }
}

/** The id of the newest entry in a queue's event stream; `0-0` when it is empty. */
export async function newestEventId(redis: RedisClient, queue: Queue): Promise<string> {
  const [entry] = await redis.xrevrange(queue.toKey('events'), '+', '-', 'COUNT', 1);
  return entry?.[0] ?? '0-0';
}

export function leaseKey(prefix: string, consumer: string): string {
  return `${prefix}:vod-consumer-lease:${consumer}`;
}

function cursorKey(prefix: string, consumer: string): string {
  return `${prefix}:vod-consumer:${consumer}`;
}

/** The time of an entry in ms since 1970, by Redis's clock. */
export function entryMs(id: string): number {
  return Number(id.split('-', 1)[0]);
}

/** Whether an entry comes after another. */
export function isLater(id: string, than: string): boolean {
  const [ms = 0, count = 0] = id.split('-').map(Number);
  const [thanMs = 0, thanCount = 0] = than.split('-').map(Number);
  return ms > thanMs || (ms === thanMs && count > thanCount);
}

/** Redis returns the fields of an entry as a flat list of names and values. */
function toRecord(values: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < values.length; at += 2) fields[values[at] as string] = values[at + 1] as string;
  return fields;
}
