import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { formatBytes, formatDuration } from '../../format.ts';
import { parseProgress, type StoredProgress, type UploadResult } from '../../queue/jobs.ts';
import { STAGES, type Stage } from '../../queue/names.ts';
import type { Queues } from '../../queue/queues.ts';
import { speedOf } from '../../queue/status.ts';
import { describeMeasure, measureOf } from '../../upload/pace.ts';

export interface BoardOptions {
  readonly readOnly: boolean;
  readonly uploadsPath: string;
}

/** What people are told of each queue. */
const TITLES: Readonly<Record<Stage, { readonly displayName: string; readonly description: string }>> = {
  upload: {
    displayName: 'Uploads',
    description:
      'One job per upload. It decides what comes next, and waits for its jobs in the other queues.',
  },
  hash: { displayName: 'SHA-1', description: 'One job per upload: the SHA-1 of its file.' },
  init: {
    displayName: 'InitUpload',
    description: 'One job per upload: what does VOD have of it? Bound by the account’s quota.',
  },
  part: {
    displayName: 'Parts',
    description: 'One job per part of a file that VOD lacks. Bound by the account’s quota.',
  },
  finish: {
    displayName: 'FinishUpload',
    description: 'One job per upload whose parts are all there. Bound by the account’s quota.',
  },
};

/** The queues as Bull Board shows them, in the order of work. */
export function boardQueues(queues: Queues, options: BoardOptions): BoardQueue[] {
  return STAGES.map((stage) => new BoardQueue(stage, queues, options));
}

/** The fields of a job that tell which upload it is of. */
interface Belongs {
  readonly id?: string | number | null | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: as BullMQ has it; anybody may have written it
  readonly data: any;
}

/** @returns undefined when it is no job of ours */
export function uploadIdOf(stage: Stage, { id, data }: Belongs): string | undefined {
  const uploadId = stage === 'upload' ? id : data?.uploadId;
  return typeof uploadId === 'string' ? uploadId : undefined;
}

class BoardQueue extends BullMQAdapter {
  /** A completed upload has its video; there is nothing to do again. */
  override readonly allowCompletedRetries = false;

  constructor(stage: Stage, queues: Queues, { readOnly, uploadsPath }: BoardOptions) {
    super(queues[stage], {
      ...TITLES[stage],
      readOnlyMode: readOnly,
      externalJobUrl: (job) => {
        const uploadId = uploadIdOf(stage, job);
        if (uploadId === undefined) return { href: uploadsPath, displayText: 'all uploads' };
        return { href: `${uploadsPath}/${encodeURIComponent(uploadId)}`, displayText: 'its upload' };
      },
    });
    if (stage !== 'upload') return;
    this.setFormatter('name', nameOf);
    this.setFormatter('progress', progressOf);
    this.setFormatter('returnValue', resultOf);
  }

  /** The limits are the account's quota, and for the workers to set; false takes their button away. */
  override get supportsGlobalRateLimit(): boolean {
    return false;
  }
}

/** `launch.mp4 — uploading  45 %  10.8 of 24.0 MiB  12.3 MiB/s  0:03 left`, as long as it is under way. */
function nameOf(job: { name: string; progress: unknown; finishedOn?: number | null }): string {
  const stored = parseProgress(job.progress);
  return stored === undefined || job.finishedOn ? job.name : `${job.name} — ${describe(stored)}`;
}

/** Bull Board draws a ring for `progress`, and shows the rest as it is. */
function progressOf(value: unknown): unknown {
  const stored = parseProgress(value);
  if (stored === undefined) return value;
  const { stage, totalBytes } = stored;
  return {
    progress: Math.floor(measureOf(stored).share * 100),
    stage,
    detail: describe(stored),
    size: formatBytes(totalBytes),
  };
}

function describe(stored: StoredProgress): string {
  const { bytesPerSecond: _, ...report } = stored;
  const speed = speedOf(stored);
  const measure = describeMeasure(
    measureOf({ ...report, ...(speed !== undefined && { bytesPerSecond: speed }) }),
  );
  return `${stored.stage}  ${measure}`.trim();
}

/** With amounts that people can read. */
function resultOf(value: UploadResult | null | undefined): unknown {
  if (typeof value?.fileSize !== 'number') return value;
  const { fileSize, bytesSent, durationMs, ...rest } = value;
  return {
    ...rest,
    fileSize: formatBytes(fileSize),
    bytesSent: formatBytes(bytesSent),
    duration: formatDuration(durationMs),
  };
}
