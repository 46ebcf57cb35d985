import type { Job } from 'bullmq';
import type { FieldValues } from '../redis/hash-fields.ts';

/** The fields of a job that describe its upload. */
export type StoredJob = Pick<
  Job,
  'id' | 'data' | 'progress' | 'timestamp' | 'finishedOn' | 'attemptsMade' | 'failedReason' | 'returnvalue'
>;

/** The fields of a BullMQ job hash that {@link storedJob} needs. */
export const JOB_FIELDS = [
  'data',
  'progress',
  'timestamp',
  'finishedOn',
  'atm',
  'failedReason',
  'returnvalue',
] as const;

/** @param values of {@link JOB_FIELDS}. @throws {SyntaxError} if the job's data is not JSON */
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

/** Parses a field, or returns `fallback` if it is not JSON. */
export function parseJsonOr<T>(fallback: T, text: string | null | undefined): T {
  try {
    return JSON.parse(text ?? '') as T;
  } catch {
    return fallback;
  }
}
