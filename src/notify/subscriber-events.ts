import type { Failure } from '../queue/failure.ts';
import { parseFailure } from '../queue/failure.ts';
import { parseProgress } from '../queue/jobs/progress.ts';
import { parseUploadView } from '../queue/jobs/upload.ts';
import { parseUploadResult, type UploadResult } from '../queue/jobs/upload-result.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import { attemptOf, stateOf, type UploadProgress } from '../status/status.ts';

/** What every event of an upload's end has. */
interface UploadEnded {
  /**
   * The same whenever this event is told again, and no other event's: of the upload and its attempt. Whoever remembers
   * the ids that were dealt with deals with each event once.
   */
  readonly id: string;
  readonly uploadId: string;
  /** When the attempt ended. */
  readonly at: Date;
  /** From 1; a retry after a failure is the next one. */
  readonly attempt: number;
  /** What the upload was added with; both are absent when Redis keeps it no longer. */
  readonly key?: string;
  readonly source?: string;
}

/** VOD has the video. The last event of an upload. */
export interface UploadCompletedEvent extends UploadEnded {
  readonly type: 'upload.completed';
  readonly result: UploadResult;
}

/** An attempt ended without a video; a retry may follow, and end in an event of its own. */
export interface UploadFailedEvent extends UploadEnded {
  readonly type: 'upload.failed';
  readonly state: 'failed' | 'cancelled';
  readonly error: Failure;
}

export type UploadEndEvent = UploadCompletedEvent | UploadFailedEvent;

/** Where an upload stands, at most once a second. */
export interface UploadProgressEvent {
  readonly uploadId: string;
  readonly progress: UploadProgress;
  readonly key?: string;
  readonly source?: string;
}

/** What a queue's stream, or a set of ended jobs, tells of the end of an attempt. */
export interface EndRecord {
  readonly uploadId: string;
  readonly atMs: number;
  readonly event: 'completed' | 'failed';
  /** The returned value as JSON, or the reason of the failure. */
  readonly value: string;
  /** Absent where only the job itself tells. */
  readonly attempt?: number;
  /** Identifies the end where the job is gone. */
  readonly entryId: string;
}

/** The fields of an upload's job that make events of facts. */
export const EVENT_FIELDS = ['data', 'timestamp', 'atm', 'finishedOn'] as const;
export type EventFields = readonly (string | null | undefined)[];

/** @returns undefined when it is no upload of ours that ended */
export function toEndEvent(
  facts: EndRecord,
  [data, timestamp, atm, finishedOn]: EventFields,
): UploadEndEvent | undefined {
  const { uploadId, value } = facts;
  const isKept = timestamp != null;
  // A completed upload is not retried, so its job tells which attempt that was.
  const attempt =
    facts.attempt ??
    attemptOf({ attemptsMade: Number(atm ?? 0), finishedOn: finishedOn ? Number(finishedOn) : null });
  const ended = {
    id: isKept ? endEventId(uploadId, Number(timestamp), attempt) : `${uploadId}-${facts.entryId}`,
    uploadId,
    at: new Date(facts.atMs),
    attempt,
    ...originOf(data),
  };
  if (facts.event === 'completed') {
    const result = readOr(undefined, () => parseUploadResult(JSON.parse(value)));
    return result && { type: 'upload.completed', ...ended, result };
  }
  const error = parseFailure(value);
  const state = stateOf('failed', error, undefined) as UploadFailedEvent['state'];
  return { type: 'upload.failed', ...ended, state, error };
}

/**
 * With a key an upload may come to have the id of one that Redis keeps no longer, so its time is part of it.
 * @param createdMs when the upload was enqueued
 */
export function endEventId(uploadId: string, createdMs: number, attempt: number): string {
  return `${uploadId}-${createdMs.toString(36)}-r${attempt}`;
}

/** @param written of a job's progress, as JSON */
export function toProgressEvent(
  uploadId: string,
  written: string,
  [data]: EventFields,
): UploadProgressEvent | undefined {
  const stored = parseProgress(parseJsonOr(undefined, written));
  if (stored === undefined) return undefined;
  const { stage, bytesHashed, bytesSent, totalBytes, bytesPerSecond } = stored;
  const speed = bytesPerSecond === undefined ? {} : { bytesPerSecond };
  return { uploadId, progress: { stage, bytesHashed, bytesSent, totalBytes, ...speed }, ...originOf(data) };
}

function originOf(data: string | null | undefined): Pick<UploadEnded, 'key' | 'source'> {
  if (data == null) return {};
  return readOr({}, () => {
    const { source, key } = parseUploadView(JSON.parse(data));
    return { source, ...(key !== undefined && { key }) };
  });
}

/** Whoever can write to Redis is not trusted to write sense. */
function readOr<T, F>(fallback: F, read: () => T): T | F {
  try {
    return read();
  } catch {
    return fallback;
  }
}
