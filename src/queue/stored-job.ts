import type { Job } from 'bullmq';
import type { FieldValues } from '../redis/hash-fields.ts';

/** All that a job in Redis tells of its upload. */
export type StoredJob = Pick<
  Job,
  'id' | 'data' | 'progress' | 'timestamp' | 'finishedOn' | 'attemptsMade' | 'failedReason' | 'returnvalue'
>;

/** The fields that BullMQ keeps a job in, as far as {@link storedJob} needs them. */
export const JOB_FIELDS = [
  'data',
  'progress',
  'timestamp',
  'finishedOn',
  'atm',
  'failedReason',
  'returnvalue',
] as const;

/** A job out of the values of {@link JOB_FIELDS}. @throws {SyntaxError} when its data is no JSON */
export function storedJob(id: string, values: FieldValues): StoredJob {
  const [data, progress, timestamp, finishedOn, attemptsMade, failedReason, returnvalue] = values;
  return {
    id,
    data: JSON.parse(data ?? 'null'),
    progress: parseJsonOr<StoredJob['progress']>(0, progress),
    timestamp: Number(timestamp ?? 0),
    attemptsMade: Number(attemptsMade ?? 0),
    failedReason: failedReason ?? '',
    returnvalue: parseJsonOr(null, returnvalue),
    ...(finishedOn != null && { finishedOn: Number(finishedOn) }),
  };
}

/** What a field holds, or something else when that is no JSON. */
export function parseJsonOr<T>(fallback: T, text: string | null | undefined): T {
  try {
    return JSON.parse(text ?? '') as T;
  } catch {
    return fallback;
  }
}
