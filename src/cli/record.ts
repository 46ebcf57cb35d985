import { printableJson } from '../base/format.ts';
import type { Failure, ReceivedEvent, Upload, UploadProgress, UploadState, UploadStatus } from '../index.ts';
import type { UploadData } from '../queue/jobs/upload.ts';

/**
 * What `--json` prints of one upload, one object per line, the same for all commands. Everything but `source` and
 * `outcome` is null or absent while it isn't known.
 */
export interface UploadRecord {
  /** Null when nothing was enqueued. */
  readonly id: string | null;
  /** `add` only: false when an upload with this key was there already. */
  readonly created?: boolean;
  /** `add` only: what of that one is not as it was asked for; absent when nothing. */
  readonly differs?: readonly string[];
  /**
   * How it ended: completed (sent), instant (VOD had the file), failed or cancelled; until then the state it is in,
   * queued to begin with; null when it was not enqueued, or not for certain, and `error` says why.
   */
  readonly outcome: UploadState | 'instant' | null;
  readonly source: string;
  readonly name: string | null;
  readonly type: string | null;
  readonly key?: string;
  readonly attempt?: number;
  readonly createdAt?: string;
  readonly finishedAt?: string;
  /** Only while it is under way. */
  readonly progress?: Omit<UploadProgress, 'stage'>;
  readonly fileId: string | null;
  readonly url: string | null;
  readonly fileSha: string | null;
  readonly fileSize: number | null;
  readonly partsSent: number | null;
  readonly partsSkipped: number | null;
  readonly bytesSent: number | null;
  readonly durationMs: number | null;
  /** `status` only: what VOD has told of the video. */
  readonly events?: readonly ReceivedEvent[];
  readonly error?: Failure;
}

const NOTHING_YET = {
  fileId: null,
  url: null,
  fileSha: null,
  fileSize: null,
  partsSent: null,
  partsSkipped: null,
  bytesSent: null,
  durationMs: null,
} as const;

/** @param added what `add` has said of it */
export function recordOf(status: UploadStatus, added?: Pick<Upload, 'created' | 'differs'>): UploadRecord {
  const { id, state, source, name, type, key, attempt, createdAt, finishedAt, progress, result, error } =
    status;
  const { stage: _, ...amounts } = progress;
  return {
    id,
    ...(added !== undefined && { created: added.created }),
    ...(added !== undefined && added.differs.length > 0 && { differs: added.differs }),
    outcome: result?.outcome ?? state,
    source,
    name,
    type,
    ...(key !== undefined && { key }),
    attempt,
    createdAt: createdAt.toISOString(),
    ...(finishedAt !== undefined ? { finishedAt: finishedAt.toISOString() } : { progress: amounts }),
    ...NOTHING_YET,
    ...(progress.totalBytes > 0 && { fileSize: progress.totalBytes }),
    ...result,
    ...(error !== undefined && { error }),
  };
}

/**
 * Of an upload that was enqueued a moment ago, or goes on.
 * @param progress what is known of it since
 */
export function pendingRecord(
  { id, created, differs }: Pick<Upload, 'id' | 'created' | 'differs'>,
  { source, video, key }: UploadData,
  progress?: UploadProgress,
): UploadRecord {
  const { name, type } = video;
  const { stage = 'queued', ...amounts } = progress ?? {};
  return {
    id,
    created,
    ...(differs.length > 0 && { differs }),
    outcome: stage,
    source,
    name,
    type,
    ...(key !== undefined && { key }),
    ...(progress !== undefined && { progress: amounts as Omit<UploadProgress, 'stage'> }),
    ...NOTHING_YET,
    ...(progress !== undefined && progress.totalBytes > 0 && { fileSize: progress.totalBytes }),
  };
}

/** Of a file that was not enqueued, or not for certain. */
export function refusedRecord(source: string, error: Failure): UploadRecord {
  return { id: null, outcome: null, source, name: null, type: null, ...NOTHING_YET, error };
}

export function jsonLine(record: UploadRecord): string {
  return `${printableJson(JSON.stringify(record))}\n`;
}

/** Whether it ended without a video. */
export function hasFailed({ outcome }: UploadRecord): boolean {
  return outcome === 'failed' || outcome === 'cancelled' || outcome === null;
}
