import { defined } from '../base/defined.ts';
import { type Failure, parseFailure } from '../queue/failure.ts';
import { parseProgress } from '../queue/jobs/progress.ts';
import { parseUploadView } from '../queue/jobs/upload.ts';
import { parseUploadResult, type UploadResult } from '../queue/jobs/upload-result.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import { attemptOf, stateOf, type UploadProgress } from '../status/status.ts';

/** Common properties of the events of an upload's end. */
interface UploadEnded {
  /**
   * Identifies the event: the same in every delivery of this event, and unique per upload and attempt. Remember the ids
   * of processed events to process each event once.
   */
  readonly id: string;
  readonly uploadId: string;
  /** When the attempt ended. */
  readonly at: Date;
  /** From 1; each retry of a failed upload is a new attempt. */
  readonly attempt: number;
  /** The key that the upload was added with. Absent also when Redis no longer keeps the upload. */
  readonly key?: string;
  /** Absolute path of the file. Absent when Redis no longer keeps the upload. */
  readonly source?: string;
}

/** An upload has completed: VOD has the video. The last event of an upload. */
export interface UploadCompletedEvent extends UploadEnded {
  readonly type: 'upload.completed';
  readonly result: UploadResult;
}

/** An attempt has failed or was cancelled. A retry may follow, which ends with its own event. */
export interface UploadFailedEvent extends UploadEnded {
  readonly type: 'upload.failed';
  readonly state: 'failed' | 'cancelled';
  readonly error: Failure;
}

export type UploadEndEvent = UploadCompletedEvent | UploadFailedEvent;

/** The progress of an upload, at most once a second. */
export interface UploadProgressEvent {
  readonly uploadId: string;
  readonly progress: UploadProgress;
  /** As in {@link UploadEnded}. */
  readonly key?: string;
  readonly source?: string;
}

/** The end of an attempt, as BullMQ's event stream or the sets of ended jobs contain it. */
export interface EndRecord {
  readonly uploadId: string;
  readonly atMs: number;
  readonly event: 'completed' | 'failed';
  /** The job's return value as JSON, or its failedReason. */
  readonly value: string;
  /** Absent if only the job contains it. */
  readonly attempt?: number;
  /** Makes the event's id unique when the job no longer exists. */
  readonly entryId: string;
}

/** The fields of an upload job that {@link toEndEvent} and {@link toProgressEvent} need. */
export const EVENT_FIELDS = ['data', 'timestamp', 'atm', 'finishedOn'] as const;
export type EventFields = readonly (string | null | undefined)[];

/** @returns undefined when the record is not of a valid upload */
export function toEndEvent(
  record: EndRecord,
  [data, timestamp, atm, finishedOn]: EventFields,
): UploadEndEvent | undefined {
  const { uploadId, value } = record;
  // The job's own attempt is right for a completed upload, because it can't be retried.
  const attempt =
    record.attempt ??
    attemptOf({ attemptsMade: Number(atm ?? 0), finishedOn: finishedOn ? Number(finishedOn) : null });
  const id =
    timestamp == null ? `${uploadId}-${record.entryId}` : endEventId(uploadId, Number(timestamp), attempt);
  const ended = { id, uploadId, at: new Date(record.atMs), attempt, ...originOf(data) };
  if (record.event === 'completed') {
    const result = readOr(undefined, () => parseUploadResult(JSON.parse(value)));
    return result && { type: 'upload.completed', ...ended, result };
  }
  const error = parseFailure(value);
  const state = stateOf('failed', error, undefined) as UploadFailedEvent['state'];
  return { type: 'upload.failed', ...ended, state, error };
}

/**
 * Contains the creation time, because a new upload with the same key gets the id of one that Redis has removed.
 * @param createdMs when the upload was enqueued, in ms since 1970
 */
export function endEventId(uploadId: string, createdMs: number, attempt: number): string {
  return `${uploadId}-${createdMs.toString(36)}-r${attempt}`;
}

/** @param json the progress that the job stores */
export function toProgressEvent(
  uploadId: string,
  json: string,
  [data]: EventFields,
): UploadProgressEvent | undefined {
  const stored = parseProgress(parseJsonOr(undefined, json));
  if (stored === undefined) return undefined;
  const { stage, bytesHashed, bytesSent, totalBytes, bytesPerSecond } = stored;
  const progress = { stage, bytesHashed, bytesSent, totalBytes, ...defined({ bytesPerSecond }) };
  return { uploadId, progress, ...originOf(data) };
}

function originOf(data: string | null | undefined): Pick<UploadEnded, 'key' | 'source'> {
  if (data == null) return {};
  return readOr({}, () => {
    const { source, key } = parseUploadView(JSON.parse(data));
    return defined({ source, key });
  });
}

/** Anyone with access to Redis may have written invalid data. */
function readOr<T, F>(fallback: F, read: () => T): T | F {
  try {
    return read();
  } catch {
    return fallback;
  }
}
