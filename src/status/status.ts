import type { JobState } from 'bullmq';
import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import { CANCELLED, type Failure, parseFailure } from '../queue/failure.ts';
import { parseProgress, type StoredProgress } from '../queue/jobs/progress.ts';
import { parseUploadView } from '../queue/jobs/upload.ts';
import { parseUploadResult, type UploadResult } from '../queue/jobs/upload-result.ts';
import type { StoredJob } from '../queue/stored-job.ts';
import type { Hold } from '../quota/hold.ts';

/**
 * The life cycle of an upload: queued → hashing → initializing → uploading → finishing → completed. It can become failed
 * or cancelled in every state before completed, and a retry makes it queued again. An instant upload, of a file that VOD
 * already has, goes from initializing to completed. An upload with `waitFor: 'transcoded'` is transcoding before it is
 * completed.
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
  /** The state of the upload. */
  readonly stage: UploadState;
  readonly bytesHashed: number;
  /** Bytes of the file that VOD has, whether this upload sent them or VOD had them before. */
  readonly bytesSent: number;
  /** File size in bytes; 0 until a worker has read it. */
  readonly totalBytes: number;
  /** Current speed of this stage; absent if unknown or older than 10 s. */
  readonly bytesPerSecond?: number;
  /**
   * While the upload waits for the account's quota: milliseconds until the quota allows the next request of this stage.
   * Uploads with a higher priority, or that have waited for longer, go first. Absent if the upload does not wait for it.
   */
  readonly quotaWaitMs?: number;
  /** Why all uploads are on hold, such as an outage of VOD. Absent if they are not, and after the upload's end. */
  readonly hold?: Hold;
}

/** A snapshot of an upload. */
export interface UploadStatus {
  readonly id: string;
  readonly state: UploadState;
  /** Absolute path of the file. */
  readonly source: string;
  /** Name and type of the video in VOD. */
  readonly name: string;
  readonly type: string;
  /** The key that the upload was added with. */
  readonly key?: string;
  readonly createdAt: Date;
  readonly finishedAt?: Date;
  /** From 1; each retry of a failed upload is a new attempt. */
  readonly attempt: number;
  readonly progress: UploadProgress;
  /** Only when completed. */
  readonly result?: UploadResult;
  /** Only when failed or cancelled. */
  readonly error?: Failure;
}

/** An upload has failed or was cancelled. `code` is the failure's code. */
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

/** The status of an upload from its job. @throws {UnrecoverableError} when the job's data is invalid */
export function statusOf(job: StoredJob, jobState: JobState | 'unknown', hold?: Hold): UploadStatus {
  const data = parseUploadView(job.data);
  // A failed job without a reason is being retried right now.
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
      ...defined({ bytesPerSecond: speed, hold: isTerminal(state) ? undefined : hold }),
    },
    ...(job.finishedOn != null && { finishedAt: new Date(job.finishedOn) }),
    ...defined({ key: data.key, result, error }),
  };
}

/** @param quotaWaitMs see {@link UploadProgress}; such an upload has no speed */
export function withQuotaWait(status: UploadStatus, quotaWaitMs: number | undefined): UploadStatus {
  if (quotaWaitMs === undefined || isTerminal(status.state)) return status;
  const { bytesPerSecond: _, ...progress } = status.progress;
  return { ...status, progress: { ...progress, quotaWaitMs } };
}

/** A stored speed is valid for this time. */
const MAX_SPEED_AGE_MS = 10_000;

/** @returns bytes per second; undefined if unknown or outdated */
export function speedOf(stored: StoredProgress | undefined): number | undefined {
  if (stored?.at === undefined || Date.now() - stored.at > MAX_SPEED_AGE_MS) return undefined;
  return stored.bytesPerSecond;
}

/**
 * The attempt that is running, or the last one if the upload has ended. BullMQ increments `attemptsMade` at the end of an
 * attempt, and a retry deletes `finishedOn`. Depends on the job only, and not on its state, which may have been read
 * before the job ended.
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

/** The stored progress; undefined if it is from an earlier attempt. */
export function progressOf(progress: unknown, attempt: number): StoredProgress | undefined {
  const stored = parseProgress(progress);
  return stored?.attempt === undefined || stored.attempt === attempt ? stored : undefined;
}

/**
 * The state of an upload from its job.
 * @param error the failure of a failed job
 * @param stage the stage in the stored progress
 */
export function stateOf(
  jobState: JobState | 'unknown',
  error: Failure | undefined,
  stage: UploadState | undefined,
): UploadState {
  if (error !== undefined) return error.code === CANCELLED.code ? 'cancelled' : 'failed';
  if (jobState === 'completed') return 'completed';
  return stage ?? 'queued';
}
