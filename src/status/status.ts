import type { JobState } from 'bullmq';
import { UploaderError } from '../base/errors.ts';
import { CANCELLED, type Failure, parseFailure } from '../queue/failure.ts';
import { parseProgress, type StoredProgress } from '../queue/jobs/progress.ts';
import { parseUploadView } from '../queue/jobs/upload.ts';
import { parseUploadResult, type UploadResult } from '../queue/jobs/upload-result.ts';
import type { StoredJob } from '../queue/stored-job.ts';
import type { Hold } from '../quota/hold.ts';

/**
 * The life of an upload: queued → hashing → initializing → uploading → finishing → completed, with failed and
 * cancelled reachable from each of the first five, and a retry leading from those two back to queued. An upload that
 * VOD has already goes from initializing straight to completed. One that waits for its transcoding is transcoding
 * before it is completed, and can fail or be cancelled there as well.
 */
export type UploadState =
  | 'queued'
  | 'hashing'
  | 'initializing'
  | 'uploading'
  | 'finishing'
  | 'transcoding'
  | 'completed'
  | 'failed'
  | 'cancelled';

export const UPLOAD_STATES: readonly UploadState[] = [
  'queued',
  'hashing',
  'initializing',
  'uploading',
  'finishing',
  'transcoding',
  'completed',
  'failed',
  'cancelled',
];

export interface UploadProgress {
  readonly stage: UploadState;
  readonly bytesHashed: number;
  /** Bytes of the file that VOD has, sent by this upload or found there. */
  readonly bytesSent: number;
  /** Bytes of the file; 0 until it has been looked at. */
  readonly totalBytes: number;
  /** How fast this stage goes, lately; absent when that isn't known, or no longer true. */
  readonly bytesPerSecond?: number;
  /** Why uploads make no progress now, though nothing is wrong with them; absent when they do, and after the end. */
  readonly hold?: Hold;
}

/** An upload as it is at one moment. */
export interface UploadStatus {
  readonly id: string;
  readonly state: UploadState;
  readonly source: string;
  readonly name: string;
  readonly type: string;
  readonly key?: string;
  readonly createdAt: Date;
  readonly finishedAt?: Date;
  /** From 1; a retry after a failure is the next one. */
  readonly attempt: number;
  readonly progress: UploadProgress;
  readonly result?: UploadResult;
  readonly error?: Failure;
}

/** An upload ended without a video in VOD. */
export class UploadFailedError extends UploaderError {
  readonly uploadId: string;
  constructor(uploadId: string, { code, message, retryable }: Failure) {
    super(code, message, { retryable });
    this.uploadId = uploadId;
  }
}

export function isTerminal(state: UploadState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled';
}

/** What a job and its BullMQ state say of the upload. @throws {UnrecoverableError} when it is no upload of ours. */
export function statusOf(job: StoredJob, jobState: JobState | 'unknown', hold?: Hold): UploadStatus {
  const data = parseUploadView(job.data);
  // A failed job without a reason has just been set to work again.
  const error = jobState === 'failed' && job.failedReason ? parseFailure(job.failedReason) : undefined;
  const result = jobState === 'completed' ? parseUploadResult(job.returnvalue) : undefined;
  const ended = error !== undefined || jobState === 'completed';
  const attempt = attemptOf(job);
  const stored = progressOf(job.progress, attempt);
  const state = stateOf(jobState, error, stored?.stage);
  const speed = ended || hold !== undefined ? undefined : speedOf(stored);
  const totalBytes = result?.fileSize ?? stored?.totalBytes ?? data.hashed?.version.size ?? 0;
  return {
    id: job.id ?? '',
    state,
    source: data.source,
    name: data.video.name,
    type: data.video.type,
    createdAt: new Date(job.timestamp),
    attempt,
    progress: {
      stage: state,
      bytesHashed: result ? totalBytes : (stored?.bytesHashed ?? 0),
      bytesSent: result ? totalBytes : (stored?.bytesSent ?? 0),
      totalBytes,
      ...(speed !== undefined && { bytesPerSecond: speed }),
      ...(hold !== undefined && !isTerminal(state) && { hold }),
    },
    ...(data.key !== undefined && { key: data.key }),
    ...(job.finishedOn != null && { finishedAt: new Date(job.finishedOn) }),
    ...(result !== undefined && { result }),
    ...(error !== undefined && { error }),
  };
}

/** A speed that was written down so long ago says nothing about now. */
const SPEED_KEEPS_MS = 10_000;

export function speedOf(stored: StoredProgress | undefined): number | undefined {
  if (stored?.at === undefined || Date.now() - stored.at > SPEED_KEEPS_MS) return undefined;
  return stored.bytesPerSecond;
}

/**
 * The attempt that an upload is in, or ended in. BullMQ counts an attempt when it ends; a retry takes `finishedOn` away.
 * Its lists may have been read a moment earlier, and say that a job goes on that has ended by now.
 */
export function attemptOf({
  attemptsMade,
  finishedOn,
}: {
  attemptsMade: number;
  finishedOn?: number | null | undefined;
}): number {
  return finishedOn == null ? attemptsMade + 1 : Math.max(1, attemptsMade);
}

/** The progress that a job has of this attempt: what an earlier one had come to says nothing about it. */
export function progressOf(written: unknown, attempt: number): StoredProgress | undefined {
  const stored = parseProgress(written);
  return stored?.attempt === undefined || stored.attempt === attempt ? stored : undefined;
}

/** @param error of a failed job; @param stage of the progress that is stored */
export function stateOf(
  jobState: JobState | 'unknown',
  error: Failure | undefined,
  stage: UploadState | undefined,
): UploadState {
  if (error !== undefined) return error.code === CANCELLED.code ? 'cancelled' : 'failed';
  if (jobState === 'completed') return 'completed';
  return stage ?? 'queued';
}
