import type { Queue } from 'bullmq';
import { defined } from '../base/defined.ts';
import type { RedisClient } from '../redis/client.ts';
import { readHashFields } from '../redis/hash-fields.ts';
import { entryMs, type StreamEntry } from './bullmq-event-reader.ts';
import { type EndRecord, EVENT_FIELDS, type EventFields } from './subscriber-events.ts';

/** BullMQ's events that subscribers are notified of. */
const NOTIFIED: ReadonlySet<string> = new Set(['progress', 'completed', 'failed']);

const isNotified = ({ fields: { event = '' } }: StreamEntry): boolean => NOTIFIED.has(event);

/** For each upload, the id of its newest entry: progress in an earlier entry is outdated. */
export function newestEntryIds(entries: readonly StreamEntry[]): ReadonlyMap<string, string> {
  return new Map(entries.filter(isNotified).map(({ id, fields: { jobId = '' } }) => [jobId, id]));
}

/**
 * The end of an attempt that an entry reports; undefined for other entries.
 * @param next the following entry: after a failure BullMQ writes the number of attempts there
 */
export function toEndRecord(
  { id, fields }: StreamEntry,
  next: StreamEntry | undefined,
): EndRecord | undefined {
  const { event, jobId: uploadId = '' } = fields;
  if (event !== 'completed' && event !== 'failed') return undefined;
  const end = { uploadId, event, atMs: entryMs(id), entryId: id } as const;
  if (event === 'completed') return { ...end, value: fields.returnvalue ?? '' };
  const hasAttempt = next?.fields.event === 'retries-exhausted' && next.fields.jobId === uploadId;
  const attempt = hasAttempt ? Number(next.fields.attemptsMade) : undefined;
  return { ...end, value: fields.failedReason ?? '', ...defined({ attempt }) };
}

/** Reads the jobs of the entries, for {@link EVENT_FIELDS}. @returns by upload id */
export async function readJobFields(
  redis: RedisClient,
  uploads: Queue,
  entries: readonly StreamEntry[],
  options: { readonly withProgress: boolean },
): Promise<ReadonlyMap<string, EventFields>> {
  const needed = entries.filter(
    (entry) => isNotified(entry) && (options.withProgress || entry.fields.event !== 'progress'),
  );
  const ids = [...new Set(needed.map(({ fields }) => fields.jobId ?? ''))];
  const keys = ids.map((id) => uploads.toKey(id));
  const found = new Map<string, EventFields>();
  for await (const values of readHashFields(redis, keys, EVENT_FIELDS)) {
    found.set(ids[found.size] as string, values);
  }
  return found;
}
