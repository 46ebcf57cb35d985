import type { Queue } from 'bullmq';
import type { RedisClient } from '../redis/client.ts';
import type { Lease } from '../redis/lease.ts';

/** So many entries are read at a time. */
const BATCH = 500;
/** A read that waits for news returns after this time at the latest. */
const BLOCK_MS = 2000;

/** An entry of the stream in which BullMQ writes down what happens in a queue, within the step that makes it happen. */
export interface StreamEntry {
  /** `<milliseconds since 1970>-<number>`, by the clock of Redis. */
  readonly id: string;
  /** `event`, `jobId` and what belongs to that event. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface StreamRead {
  readonly cursor: string;
  /** Whether nothing after the cursor has been trimmed away: the entry that it stands at is still there. */
  readonly unbroken: boolean;
  readonly entries: readonly StreamEntry[];
}

/** A cursor always stands at an entry that was there, so that one that is gone tells of a gap. */
const BEGIN = `
local cursor = redis.call('GET', KEYS[2])
if cursor then return cursor end
cursor = redis.call('XADD', KEYS[1], '*', 'event', 'subscribed')
redis.call('SET', KEYS[2], cursor)
return cursor`;

const READ = `
local cursor = redis.call('GET', KEYS[2])
if not cursor then return false end
local found = redis.call('XRANGE', KEYS[1], cursor, cursor, 'COUNT', 1)
return {cursor, #found, redis.call('XRANGE', KEYS[1], '(' .. cursor, '+', 'COUNT', ARGV[1])}`;

const MOVE = `
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return false end
local cursor = ARGV[2]
if cursor == '' then cursor = redis.call('XADD', KEYS[1], '*', 'event', 'subscribed') end
redis.call('SET', KEYS[2], cursor)
return cursor`;

/** The events of uploads for one named consumer, from where it stopped: its cursor is in Redis. */
export class BullmqEventReader {
  readonly #redis: RedisClient;
  readonly #uploads: Queue;
  readonly #events: string;
  readonly #cursor: string;

  /** @param uploads the queue of upload jobs */
  constructor(
    redis: RedisClient,
    uploads: Queue,
    options: { readonly prefix: string; readonly consumer: string },
  ) {
    this.#redis = redis;
    this.#uploads = uploads;
    this.#events = uploads.toKey('events');
    this.#cursor = cursorKey(options.prefix, options.consumer);
  }

  /** Makes the consumer known, from when on nothing is missed. @returns where it stands */
  async begin(): Promise<string> {
    return (await this.#redis.eval(BEGIN, 2, this.#events, this.#cursor)) as string;
  }

  async read(): Promise<StreamRead> {
    const reply = await this.#redis.eval(READ, 2, this.#events, this.#cursor, BATCH);
    // Somebody has emptied Redis.
    if (reply === null) return { cursor: await this.begin(), unbroken: true, entries: [] };
    const [cursor, there, found] = reply as [string, number, [string, string[]][]];
    const entries = found.map(([id, values]) => ({ id, fields: pairsOf(values) }));
    // BullMQ writes two entries for a failure at once; the second tells the attempt.
    if (entries.length === BATCH && entries.at(-1)?.fields.event === 'failed') entries.pop();
    return { cursor, unbroken: there === 1, entries };
  }

  /**
   * Notes that everything up to this entry is dealt with; absent: up to now.
   * @returns whether the lease is still this process's; else another one deals with events, and nothing is noted
   */
  async move(lease: Lease, entryId = ''): Promise<boolean> {
    const keys = [this.#events, this.#cursor, lease.key];
    return (await this.#redis.eval(MOVE, keys.length, ...keys, lease.token, entryId)) !== null;
  }

  /** The id of the newest entry. */
  async newest(): Promise<string> {
    return await newestEventId(this.#redis, this.#uploads);
  }

  /** Resolves when there is an entry after the cursor, or after a moment. @param blocking a connection for that alone */
  async news(blocking: RedisClient, cursor: string): Promise<void> {
    await blocking.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', this.#events, cursor);
  }
}

/** The id of the newest entry in the stream of a queue; `0-0` when there is none. */
export async function newestEventId(redis: RedisClient, queue: Queue): Promise<string> {
  const [entry] = await redis.xrevrange(queue.toKey('events'), '+', '-', 'COUNT', 1);
  return entry?.[0] ?? '0-0';
}

/** Where the lease of a consumer is, and where it stands. */
export function leaseKey(prefix: string, consumer: string): string {
  return `${prefix}:vod-consumer-lease:${consumer}`;
}
function cursorKey(prefix: string, consumer: string): string {
  return `${prefix}:vod-consumer:${consumer}`;
}

/** The time of an entry, by the clock of Redis. */
export function entryMs(id: string): number {
  return Number(id.split('-', 1)[0]);
}

/** Whether an entry comes after another. */
export function isLater(id: string, than: string): boolean {
  const [ms = 0, count = 0] = id.split('-').map(Number);
  const [thanMs = 0, thanCount = 0] = than.split('-').map(Number);
  return ms > thanMs || (ms === thanMs && count > thanCount);
}

function pairsOf(values: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < values.length; at += 2) fields[values[at] as string] = values[at + 1] as string;
  return fields;
}
