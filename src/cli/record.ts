import { defined } from '../base/defined.ts';
import { printableJson } from '../base/printable.ts';
import type { Failure, ReceivedEvent, Upload, UploadProgress, UploadState, UploadStatus } from '../index.ts';
import type { UploadData } from '../queue/jobs/upload.ts';

/**
 * The object that `--json` prints per upload and line, the same for all commands. Unknown values are null or absent,
 * except `source` and `outcome`.
 */
export interface UploadRecord {
  /** Null when nothing was enqueued. */
  readonly id: string | null;
  /** Only from `add`: false when an upload with this key existed before. */
  readonly created?: boolean;
  /** Only from `add`: the options in which that upload differs from the given ones; absent when none. */
  readonly differs?: readonly string[];
  /**
   * How it ended: completed (sent), instant (VOD had the file already), failed or cancelled. Before that its state, at
   * first queued. Null when it was not enqueued, or possibly not; `error` has the reason.
   */
  readonly outcome: UploadState | 'instant' | null;
  readonly source: string;
  readonly name: string | null;
  readonly type: string | null;
  readonly key?: string;
  readonly attempt?: number;
  readonly createdAt?: string;
  readonly finishedAt?: string;
  /** Only before it has ended. */
  readonly progress?: Omit<UploadProgress, 'stage'>;
  readonly fileId: string | null;
  readonly url: string | null;
  readonly fileSha: string | null;
  readonly fileSize: number | null;
  readonly partsSent: number | null;
  readonly partsSkipped: number | null;
  readonly bytesSent: number | null;
  readonly durationMs: number | null;
  /** Only from `status`: the events received for the video. */
  readonly events?: readonly ReceivedEvent[];
  readonly error?: Failure;
}

const UNKNOWN = {
  fileId: null,
  url: null,
  fileSha: null,
  fileSize: null,
  partsSent: null,
  partsSkipped: null,
  bytesSent: null,
  durationMs: null,
} as const;

/** @param added the result of `add` */
export function recordOf(status: UploadStatus, added?: Pick<Upload, 'created' | 'differs'>): UploadRecord {
  const { id, state, source, name, type, key, attempt, createdAt, finishedAt, progress, result, error } =
    status;
  const { stage: _, ...amounts } = progress;
  return {
    id,
    ...(added && { created: added.created, ...differing(added) }),
    outcome: result?.outcome ?? state,
    source,
    name,
    type,
    ...defined({ key }),
    attempt,
    createdAt: createdAt.toISOString(),
    ...(finishedAt !== undefined ? { finishedAt: finishedAt.toISOString() } : { progress: amounts }),
    ...UNKNOWN,
    ...(progress.totalBytes > 0 && { fileSize: progress.totalBytes }),
    ...result,
    ...defined({ error }),
  };
}

/**
 * Record of an upload that was just enqueued or is still running.
 * @param progress the latest, if known
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
    ...differing({ differs }),
    outcome: stage,
    source,
    name,
    type,
    ...defined({ key }),
    ...(progress !== undefined && { progress: amounts as Omit<UploadProgress, 'stage'> }),
    ...UNKNOWN,
    ...(progress !== undefined && progress.totalBytes > 0 && { fileSize: progress.totalBytes }),
  };
}

/** Record of a file that was not enqueued, or possibly not. */
export function refusedRecord(source: string, error: Failure): UploadRecord {
  return { id: null, outcome: null, source, name: null, type: null, ...UNKNOWN, error };
}

function differing({ differs }: Pick<Upload, 'differs'>): Pick<UploadRecord, 'differs'> {
  return differs.length > 0 ? { differs } : {};
}

export function jsonLine(record: UploadRecord): string {
  return `${printableJson(JSON.stringify(record))}\n`;
}

/** Whether the upload ended without a video, or was not enqueued. */
export function hasFailed({ outcome }: UploadRecord): boolean {
  return outcome === 'failed' || outcome === 'cancelled' || outcome === null;
}
