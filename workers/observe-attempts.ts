import type { Job, Worker } from 'bullmq';
import { UploaderError } from '../src/base/errors.ts';
import { historyRow } from '../src/flow/history.ts';
import type { ConsumerSettings } from '../src/queue/consumer.ts';
import { failureOf, parseFailure } from '../src/queue/failure.ts';
import type { PartData } from '../src/queue/jobs/part.ts';
import { runName, type Stage } from '../src/queue/names.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';
import { type ObserverDependencies, observeWorker } from './observe-worker.ts';

/** An upload may have thousands of failed attempts; per process and upload, its history gets one row in this time. */
const HISTORY_INTERVAL_MS = 10_000;
/** Above this number of uploads the times of their last rows are forgotten. */
const MAX_UPLOADS = 10_000;

/** What follows a failed attempt of a child. */
type Next = 'retried' | 'failed' | Parameters<ConsumerSettings['onPostponed']>[2];

/** These may need attention; the others resolve by themselves. */
const WARNED: ReadonlySet<Next> = new Set(['retried', 'failed', 'left']);

const NEXT_TEXTS: Readonly<Record<Next, string>> = {
  retried: 'will be retried',
  failed: 'for good',
  held: 'will be retried when there is quota',
  interrupted: 'will be retried when VOD answers',
  strained: 'will be retried with fewer parts at a time',
  left: 'left to other workers',
};

/** Reports the attempts of children: of jobs in any stage but `upload`. */
export class AttemptObserver {
  readonly #deps: ObserverDependencies;
  /** Time of an upload's last history row, by upload id. */
  readonly #lastRowMs = new Map<string, number>();

  constructor(deps: ObserverDependencies) {
    this.#deps = deps;
  }

  /** Reports each spent attempt; at level debug when it succeeded. */
  observe(worker: Worker, stage: Stage): void {
    const { log } = this.#deps;
    worker.on('completed', (job: Job) => log.debug(childFields(stage, job), 'job done'));
    worker.on('failed', (job, error) => {
      if (job === undefined) return;
      const isLast = job.finishedOn !== undefined;
      this.#attemptFailed(stage, job, isLast ? 'failed' : 'retried', error);
    });
    observeWorker(worker, stage, this.#deps);
  }

  /** Reports a failed attempt that is not spent. */
  readonly notSpent: ConsumerSettings['onPostponed'] = (stage, job, why, error) =>
    this.#attemptFailed(stage, job, why, error);

  #attemptFailed(stage: Stage, job: Job, next: Next, error: unknown): void {
    const { log, metrics } = this.#deps;
    const { code, message: reason, retryable } = describeError(error);
    const vodError = vodErrorOf(error);
    const canRetry = vodError?.canRetry;
    const fields = { ...childFields(stage, job), code, canRetry, retryable, next, reason };
    if (next !== 'failed') {
      const cause = code.startsWith('SOURCE_') ? 'source' : (vodError?.reason ?? 'network');
      metrics.retries.inc({ stage, reason: cause });
    }
    // The other children of an upload that failed or was cancelled are only stopped.
    if (code === 'CANCELLED') {
      log.debug(fields, 'attempt stopped');
      return;
    }
    log[WARNED.has(next) ? 'warn' : 'info'](fields, 'attempt failed');
    const subject = fields.offset === undefined ? stage : `part at ${fields.offset}`;
    const row = `${subject}: attempt ${fields.attempt} failed, ${NEXT_TEXTS[next]}: ${reason} [${code}]`;
    if (typeof fields.uploadId === 'string') this.#recordRow(fields.uploadId, next, row);
    job.log(historyRow(row)).catch(() => {});
  }

  #recordRow(uploadId: string, next: Next, row: string): void {
    const now = performance.now();
    const last = this.#lastRowMs.get(uploadId) ?? Number.NEGATIVE_INFINITY;
    if (next !== 'failed' && now - last < HISTORY_INTERVAL_MS) return;
    if (this.#lastRowMs.size > MAX_UPLOADS) this.#lastRowMs.clear();
    this.#lastRowMs.set(uploadId, now);
    this.#deps.history.record(uploadId, row);
  }
}

/** The log fields of a child's job; its data may be invalid. */
function childFields(stage: Stage, job: Job) {
  const { uploadId, run, offset, dataSize, hashed, fileSha } = (job.data ?? {}) as Partial<
    PartData & { fileSha: string }
  >;
  return {
    uploadId,
    run: run && runName(run),
    stage,
    jobId: job.id,
    attempt: job.attemptsMade,
    fileSha: fileSha ?? hashed?.fileSha,
    offset,
    bytes: dataSize,
    durationMs: Math.max(0, (job.finishedOn ?? Date.now()) - (job.processedOn ?? Date.now())),
  };
}

/** The error of a spent attempt is BullMQ's, whose cause is what the processor threw. */
function vodErrorOf(error: unknown): VodError | undefined {
  const cause = error instanceof Error && !(error instanceof VodError) ? error.cause : error;
  return cause instanceof VodError ? cause : undefined;
}

function describeError(error: unknown): ReturnType<typeof failureOf> {
  return error instanceof UploaderError ? failureOf(error) : parseFailure((error as Error).message);
}
