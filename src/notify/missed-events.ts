import type { Queue } from 'bullmq';
import { UploaderError } from '../base/errors.ts';
import type { RedisClient } from '../redis/client.ts';
import { readHashFields } from '../redis/hash-fields.ts';
import { EVENT_FIELDS, type EventFields, toEndEvent, type UploadEndEvent } from './subscriber-events.ts';

/** BullMQ writes ends down by the workers' clocks, and its stream by that of Redis. */
const CLOCKS_DIFFER_MS = 60_000;

/**
 * A consumer was away for so long that Redis keeps neither the events nor, perhaps, all of the uploads that ended
 * meanwhile. What Redis still has of them has been told.
 */
export class EventsMissedError extends UploaderError {
  readonly from: Date;
  readonly to: Date;

  constructor(from: Date, to: Date) {
    super(
      'EVENTS_MISSED',
      `uploads that ended between ${from.toISOString()} and ${to.toISOString()} may be missing: Redis kept their events no ` +
        'longer, and of ended uploads only later ones; KEEP_COMPLETED_COUNT, KEEP_FAILED_COUNT and the …_DAYS keep more',
    );
    this.from = from;
    this.to = to;
  }
}

/** Ends of uploads in a span of time, by the clock of Redis. */
export interface Gap {
  readonly fromMs: number;
  /** Absent: up to now. */
  readonly toMs?: number;
}

/**
 * Ends that the stream has no longer, out of the lists of ended uploads, oldest first. Of an upload that was retried it
 * tells the last end, and clocks being what they are perhaps some from just before and just after the gap.
 */
export async function* readMissedEnds(
  uploads: Queue,
  redis: RedisClient,
  { fromMs, toMs }: Gap,
): AsyncGenerator<UploadEndEvent, void, undefined> {
  const max = toMs === undefined ? '+inf' : toMs + CLOCKS_DIFFER_MS;
  const found = await Promise.all(
    (['completed', 'failed'] as const).map(async (event) => {
      const range = await redis.zrangebyscore(
        uploads.toKey(event),
        fromMs - CLOCKS_DIFFER_MS,
        max,
        'WITHSCORES',
      );
      const ends: { id: string; atMs: number; event: typeof event }[] = [];
      for (let at = 0; at + 1 < range.length; at += 2) {
        ends.push({ id: range[at] as string, atMs: Number(range[at + 1]), event });
      }
      return ends;
    }),
  );
  const ends = found.flat().sort((a, b) => a.atMs - b.atMs);
  const keys = ends.map(({ id }) => uploads.toKey(id));
  let index = 0;
  for await (const values of readHashFields(redis, keys, [...EVENT_FIELDS, 'returnvalue', 'failedReason'])) {
    const { id: uploadId, atMs, event } = ends[index++] as (typeof ends)[number];
    const fields: EventFields = values.slice(0, EVENT_FIELDS.length);
    const value = values[EVENT_FIELDS.length + (event === 'completed' ? 0 : 1)];
    // Gone, or retried, since it was listed.
    if (value == null || fields.at(-1) == null) continue;
    const told = toEndEvent({ uploadId, atMs, event, value, entryId: String(atMs) }, fields);
    if (told !== undefined) yield told;
  }
}

/** Whether ended uploads have been removed that ended after this time, as far as can be told: the oldest go first. */
export async function endsWereRemoved(uploads: Queue, redis: RedisClient, fromMs: number): Promise<boolean> {
  const oldest = await Promise.all(
    ['completed', 'failed'].map(async (list) => {
      const [, score] = await redis.zrange(uploads.toKey(list), '0', '0', 'WITHSCORES');
      return score === undefined ? undefined : Number(score);
    }),
  );
  return oldest.some((atMs) => atMs !== undefined && atMs > fromMs);
}
