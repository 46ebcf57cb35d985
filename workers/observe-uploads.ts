import type { Job, Worker } from 'bullmq';
import { formatBytes, formatDuration } from '../src/base/format.ts';
import type { UploadChange } from '../src/flow/active-upload.ts';
import type { Logger } from '../src/process/log.ts';
import { parseFailure } from '../src/queue/failure.ts';
import type { UploadData } from '../src/queue/jobs/upload.ts';
import type { StoredResult } from '../src/queue/jobs/upload-result.ts';
import { runName } from '../src/queue/names.ts';
import { type ObserverDependencies, observeWorker } from './observe-worker.ts';

/** Reports that an upload has entered a stage. */
export function reportStage({ uploadId, run, stage, hashed, text, level }: UploadChange, log: Logger): void {
  const file = hashed && { fileSha: hashed.fileSha, bytes: hashed.version.size };
  log[level](
    { uploadId, run: runName(run), attempt: run.attempt, stage, ...file, what: text },
    'upload stage changed',
  );
}

/** Reports the end of each upload. */
export function observeUploads(worker: Worker<UploadData, StoredResult>, deps: ObserverDependencies): void {
  const { log, metrics, history } = deps;
  worker.on('completed', (job, result) => {
    const fields = endFields(job, result.outcome, deps);
    const skipped = result.fileSize - result.bytesSent;
    const disposition = result.outcome === 'instant' ? 'skipped_instant' : 'skipped_resume';
    if (skipped > 0) metrics.uploadBytes.inc({ disposition }, skipped);
    log.info({ ...fields, ...result, bytes: result.fileSize }, 'upload completed');
    history.record(fields.uploadId, describeResult(result));
  });
  worker.on('failed', (job, error) => {
    if (job === undefined) return;
    const { code, message: reason, retryable } = parseFailure(error.message);
    const outcome = code === 'CANCELLED' ? 'cancelled' : 'failed';
    const fields = endFields(job, outcome, deps);
    // The data of a job that failed because it was invalid may lack these.
    const { source, hashed } = (job.data ?? {}) as Partial<UploadData>;
    const level = outcome === 'cancelled' ? 'info' : 'error';
    log[level]({ ...fields, source, fileSha: hashed?.fileSha, code, retryable, reason }, `upload ${outcome}`);
    history.record(fields.uploadId, outcome === 'failed' ? `failed: ${reason} [${code}]` : 'cancelled');
  });
  observeWorker(worker, 'upload', deps);
}

/** Counts an upload's end. @returns the log fields of it */
function endFields(job: Job<UploadData>, outcome: string, { metrics }: ObserverDependencies) {
  const dueMs = job.timestamp + (job.opts.delay ?? 0);
  const durationMs = Math.max(0, Date.now() - dueMs);
  metrics.uploads.inc({ outcome });
  metrics.uploadDuration.observe({ outcome }, durationMs / 1000);
  return { uploadId: job.id ?? '', attempt: job.attemptsMade, stage: outcome, durationMs };
}

function describeResult({ outcome, fileId, fileSize, bytesSent, durationMs }: StoredResult): string {
  const took = `in ${formatDuration(durationMs)}`;
  if (outcome === 'instant')
    return `instant ${took}: VOD had these ${formatBytes(fileSize)} as fileId ${fileId}`;
  return `completed ${took}: sent ${formatBytes(bytesSent)}; fileId ${fileId}`;
}
