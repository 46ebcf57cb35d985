import type { QueueJobJson } from '@bull-board/api/dist/types.js';
import { defined } from '../../base/defined.ts';
import { formatBytes, formatDuration } from '../../base/format.ts';
import { printable } from '../../base/printable.ts';
import { shownUrl } from '../../notify/webhook/url.ts';
import { parseProgress, type StoredProgress } from '../../queue/jobs/progress.ts';
import type { UploadResult } from '../../queue/jobs/upload-result.ts';
import { speedOf } from '../../status/status.ts';
import { formatStageProgress, stageProgress } from '../../upload/stage-progress.ts';

/*
 * How Bull Board shows an upload's job. These functions must not throw, whatever data is in Redis: one such job would
 * break the whole page.
 */

/**
 * `launch.mp4 — uploading  45 %  10.8 of 24.0 MiB  12.3 MiB/s  0:03 left` while it runs, and at the end
 * `launch.mp4 — completed  24.0 MiB  2.1 s`.
 */
export function nameOf({ name, progress, attemptsMade, finishedOn, returnvalue }: QueueJobJson): string {
  if (isResult(returnvalue)) {
    const { outcome, fileSize, durationMs } = returnvalue;
    return `${printable(name)} — ${outcome}  ${formatBytes(fileSize)}  ${formatDuration(durationMs)}`;
  }
  const stored = parseProgress(progress);
  // Progress of an earlier attempt is not shown.
  if (stored === undefined || finishedOn || (stored.attempt ?? 0) <= attemptsMade) return printable(name);
  return `${printable(name)} — ${describe(stored)}`;
}

/**
 * Without the result, which is shown as the return value already. Of a webhook receiver's URL only the origin: the rest
 * may be secret.
 */
export function dataOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { webhookUrl, url } = value as Readonly<Record<string, unknown>>;
  return {
    ...value,
    result: undefined,
    ...(typeof webhookUrl === 'string' && { webhookUrl: shownUrl(webhookUrl) }),
    ...(typeof url === 'string' && { url: shownUrl(url) }),
  };
}

/** Bull Board draws a ring for `progress`, and shows the other fields as text. */
export function progressOf(value: unknown): unknown {
  const stored = parseProgress(value);
  if (stored === undefined) return value;
  const { stage, totalBytes } = stored;
  return {
    progress: Math.floor(stageProgress(stored).share * 100),
    stage,
    detail: describe(stored),
    size: formatBytes(totalBytes),
  };
}

function describe(stored: StoredProgress): string {
  const { bytesPerSecond: _, ...report } = stored;
  const speed = speedOf(stored);
  const measure = formatStageProgress(stageProgress({ ...report, ...defined({ bytesPerSecond: speed }) }));
  return `${stored.stage}  ${measure}`.trim();
}

/** With readable amounts. */
export function resultOf(value: unknown): unknown {
  if (!isResult(value)) return value;
  const { fileSize, bytesSent, durationMs, ...rest } = value;
  return {
    ...rest,
    fileSize: formatBytes(fileSize),
    bytesSent: formatBytes(bytesSent),
    duration: formatDuration(durationMs),
  };
}

function isResult(value: unknown): value is UploadResult {
  const { fileSize, durationMs } = (value ?? {}) as Partial<UploadResult>;
  return typeof fileSize === 'number' && typeof durationMs === 'number';
}
