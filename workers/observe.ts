import type { Job, Worker } from 'bullmq';
import type { Logger } from '../src/log.ts';
import type { Metrics } from '../src/metrics.ts';
import { QuotaHold } from '../src/queue/consumer.ts';
import { parseFailure } from '../src/queue/failure.ts';
import { parseUploadData, type UploadResult } from '../src/queue/jobs.ts';
import { QUEUES, type Stage } from '../src/queue/names.ts';
import type { VodClientOptions } from '../src/vod/client.ts';
import { documentedCodeLabel, VodError } from '../src/vod/errors.ts';

/*
 * What workers do, as log lines and metrics. Listens from outside, so that the processors say only what they do.
 */

interface Observers {
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Each end of an upload, counted when Redis has it. */
export function observeUploads(worker: Worker, { log, metrics }: Observers): void {
  const end = (job: Job, outcome: string): void => {
    metrics.uploads.inc({ outcome });
    const dueMs = job.timestamp + (job.opts.delay ?? 0);
    metrics.uploadDuration.observe({ outcome }, Math.max(0, Date.now() - dueMs) / 1000);
  };
  worker.on('completed', (job, result: UploadResult) => {
    end(job, result.outcome);
    const skipped = result.fileSize - result.bytesSent;
    const disposition = result.outcome === 'instant' ? 'skipped_instant' : 'skipped_resume';
    if (skipped > 0) metrics.uploadBytes.inc({ disposition }, skipped);
    log.info({ uploadId: job.id, attempt: job.attemptsMade, ...result }, 'upload completed');
  });
  worker.on('failed', (job, error) => {
    if (job === undefined) return;
    const { code, message, retryable } = parseFailure(error.message);
    const outcome = code === 'CANCELLED' ? 'cancelled' : 'failed';
    end(job, outcome);
    const source = parseSource(job);
    log.error(
      { uploadId: job.id, attempt: job.attemptsMade, source, code, retryable, reason: message },
      `upload ${outcome}`,
    );
  });
  observeStalls(worker, 'upload', { log, metrics });
}

/** Each failed attempt of a child, and its end at debug. */
export function observeChildren(worker: Worker, stage: Stage, { log, metrics }: Observers): void {
  worker.on('completed', (job: Job) => {
    const { offset, dataSize } = job.data;
    const durationMs = (job.finishedOn ?? 0) - (job.processedOn ?? 0);
    log.debug(
      { stage, uploadId: job.data.uploadId, jobId: job.id, offset, bytes: dataSize, durationMs },
      'job done',
    );
  });
  worker.on('failed', (job, error) => {
    if (job === undefined) return;
    const { code, message, retryable } = parseFailure(error.message);
    const { uploadId, offset, run } = job.data ?? {};
    const fields = {
      stage,
      uploadId,
      jobId: job.id,
      run,
      attempt: job.attemptsMade,
      offset,
      code,
      retryable,
    };
    log[code === 'CANCELLED' ? 'debug' : 'warn']({ ...fields, reason: message }, 'attempt failed');
  });
  observeStalls(worker, stage, { log, metrics });
}

function observeStalls(worker: Worker, stage: Stage, { log, metrics }: Observers): void {
  worker.on('stalled', (jobId) => {
    metrics.stalled.inc({ queue: QUEUES[stage] });
    log.warn({ stage, jobId }, 'job stalled: its worker died or lost its lock; it runs again');
  });
}

export function retryObserver(metrics: Metrics): (stage: Stage, error: unknown) => void {
  return (stage, error) => {
    const cause = error instanceof QuotaHold ? error.cause : error;
    metrics.retries.inc({ stage, reason: cause instanceof VodError ? cause.reason : 'network' });
  };
}

export function vodObserver(metrics: Metrics): NonNullable<VodClientOptions['onRequest']> {
  return ({ action, result, code, durationMs, retryable }) => {
    metrics.apiRequests.observe({ action, result }, durationMs / 1000);
    if (result === 'ok') return;
    const label = code === undefined ? 'other' : documentedCodeLabel(code);
    metrics.apiErrors.inc({ action, code: label, retryable: String(retryable ?? false) });
  };
}

function parseSource(job: Job): string | undefined {
  try {
    return parseUploadData(job.data).source;
  } catch {
    return undefined;
  }
}
