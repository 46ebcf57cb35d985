import type { Queue } from 'bullmq';
import { UploaderError } from '../base/errors.ts';
import type { RedisClient } from '../redis/client.ts';
import { readHashFields } from '../redis/hash-fields.ts';
import { EVENT_FIELDS, type EventFields, toEndEvent, type UploadEndEvent } from './subscriber-events.ts';

/** BullMQ stores the end of a job by the worker's clock, but stream entries by Redis's clock. */
const MAX_CLOCK_DIFFERENCE_MS = 60_000;

/**
 * Reported when a consumer was absent for so long that Redis has removed the events of some uploads, and possibly some
 * of the uploads themselves. Uploads that Redis still has were delivered.
 */
export class EventsMissedError extends UploaderError {
  readonly from: Date;
  readonly to: Date;

  constructor(from: Date, to: Date) {
    super(
      'EVENTS_MISSED',
      `events of uploads that ended between ${from.toISOString()} and ${to.toISOString()} may be missing: Redis has ` +
        'removed the events, and the oldest ended uploads too; to keep more, raise KEEP_COMPLETED_COUNT, ' +
        'KEEP_FAILED_COUNT and the …_DAYS',
    );
    this.from = from;
    this.to = to;
  }
}

/** A period without stream entries, by Redis's clock. */
export interface Gap {
  readonly fromMs: number;
  /** Absent: until now. */
  readonly toMs?: number;
}

interface EndedJob {
  readonly id: string;
  readonly atMs: number;
  readonly event: 'completed' | 'failed';
}

/**
 * Reads the ends of uploads that were trimmed from the stream from the sets of ended jobs, oldest first. Of a retried
 * upload only the last end is known. Because clocks differ, ends shortly before and after the gap may be included.
 */
export async function* readMissedEnds(
  uploads: Queue,
  redis: RedisClient,
  gap: Gap,
): AsyncGenerator<UploadEndEvent, void, undefined> {
  const ended = await Promise.all(
    (['completed', 'failed'] as const).map((event) => endedWithin(uploads, redis, event, gap)),
  );
  const jobs = ended.flat().sort((a, b) => a.atMs - b.atMs);
  const keys = jobs.map(({ id }) => uploads.toKey(id));
  let index = 0;
  for await (const values of readHashFields(redis, keys, [...EVENT_FIELDS, 'returnvalue', 'failedReason'])) {
    const { id: uploadId, atMs, event } = jobs[index++] as EndedJob;
    const fields: EventFields = values.slice(0, EVENT_FIELDS.length);
    const value = values[EVENT_FIELDS.length + (event === 'completed' ? 0 : 1)];
    const wasRemovedOrRetried = value == null || fields.at(-1) == null;
    if (wasRemovedOrRetried) continue;
    const end = toEndEvent({ uploadId, atMs, event, value, entryId: String(atMs) }, fields);
    if (end !== undefined) yield end;
  }
}

async function endedWithin(
  uploads: Queue,
  redis: RedisClient,
  event: EndedJob['event'],
  { fromMs, toMs }: Gap,
): Promise<EndedJob[]> {
  const min = fromMs - MAX_CLOCK_DIFFERENCE_MS;
  const max = toMs === undefined ? '+inf' : toMs + MAX_CLOCK_DIFFERENCE_MS;
  const range = await redis.zrangebyscore(uploads.toKey(event), min, max, 'WITHSCORES');
  const jobs: EndedJob[] = [];
  for (let at = 0; at + 1 < range.length; at += 2) {
    jobs.push({ id: range[at] as string, atMs: Number(range[at + 1]), event });
  }
  return jobs;
}

/** Whether uploads that ended after this time may have been removed. The oldest are removed first. */
export async function endsWereRemoved(uploads: Queue, redis: RedisClient, fromMs: number): Promise<boolean> {
  const oldest = await Promise.all(
    ['completed', 'failed'].map(async (set) => {
      const [, score] = await redis.zrange(uploads.toKey(set), '0', '0', 'WITHSCORES');
      return score === undefined ? undefined : Number(score);
    }),
  );
  return oldest.some((atMs) => atMs !== undefined && atMs > fromMs);
}
