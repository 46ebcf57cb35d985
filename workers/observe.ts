import type { Job, Worker } from 'bullmq';
import { UploaderError } from '../src/base/errors.ts';
import { formatBytes, formatDuration } from '../src/base/format.ts';
import { type History, historyRow } from '../src/flow/history.ts';
import type { UploadChange } from '../src/flow/reconcile.ts';
import type { Logger } from '../src/process/log.ts';
import type { ConsumerSettings } from '../src/queue/consumer.ts';
import { failureOf, parseFailure } from '../src/queue/failure.ts';
import type { EventData, EventValue } from '../src/queue/jobs/event.ts';
import type { PartData } from '../src/queue/jobs/part.ts';
import type { UploadData } from '../src/queue/jobs/upload.ts';
import type { UploadResult } from '../src/queue/jobs/upload-result.ts';
import { QUEUES, runName, type Stage } from '../src/queue/names.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import type { VodClientOptions } from '../src/vod/client.ts';
import { documentedCodeLabel } from '../src/vod/wire/code-labels.ts';
import { parseEvent, type VodEvent } from '../src/vod/wire/events.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';
import type { OddEntries } from './pull.ts';

/** A failing upload may have thousands of failed attempts; one process writes one row about them in this time. */
const HISTORY_INTERVAL_MS = 10_000;
/** Of so many uploads a process remembers when it wrote that. */
const MOST_UPLOADS = 10_000;

/** What follows a child's attempt that came to nothing. */
type Next = 'retried' | 'failed' | Parameters<ConsumerSettings['onPostponed']>[2];

/**
 * What workers do, as log lines, metrics and the uploads' own histories. Listens from outside, so that the processors
 * say only what they do. Every line has `uploadId`: those of all replicas that share one tell one upload's story.
 */
export class Observer {
  readonly #log: Logger;
  readonly #metrics: WorkerMetrics;
  readonly #history: History;
  readonly #lastRowMs = new Map<string, number>();

  constructor(deps: { readonly log: Logger; readonly metrics: WorkerMetrics; readonly history: History }) {
    this.#log = deps.log;
    this.#metrics = deps.metrics;
    this.#history = deps.history;
  }

  /** An upload has come into a stage. */
  changed({ uploadId, run, stage, hashed, text }: UploadChange): void {
    const known = hashed && { fileSha: hashed.fileSha, bytes: hashed.version.size };
    this.#log.info(
      { uploadId, run: runName(run), attempt: run.attempt, stage, ...known, what: text },
      'upload goes on',
    );
    this.#history.record(uploadId, text);
  }

  /** Tells each end of an upload, when Redis has it. */
  observeUploads(worker: Worker<UploadData, UploadResult>): void {
    const counted = (job: Job<UploadData>, outcome: string) => {
      const dueMs = job.timestamp + (job.opts.delay ?? 0);
      const durationMs = Math.max(0, Date.now() - dueMs);
      this.#metrics.uploads.inc({ outcome });
      this.#metrics.uploadDuration.observe({ outcome }, durationMs / 1000);
      return { uploadId: job.id ?? '', attempt: job.attemptsMade, stage: outcome, durationMs };
    };
    worker.on('completed', (job, result) => {
      const fields = counted(job, result.outcome);
      const skipped = result.fileSize - result.bytesSent;
      const disposition = result.outcome === 'instant' ? 'skipped_instant' : 'skipped_resume';
      if (skipped > 0) this.#metrics.uploadBytes.inc({ disposition }, skipped);
      this.#log.info({ ...fields, ...result, bytes: result.fileSize }, 'upload completed');
      this.#history.record(fields.uploadId, describeResult(result));
    });
    worker.on('failed', (job, error) => {
      if (job === undefined) return;
      const { code, message: reason, retryable } = parseFailure(error.message);
      const outcome = code === 'CANCELLED' ? 'cancelled' : 'failed';
      const fields = counted(job, outcome);
      // What failed because it was no sense has none of this.
      const { source, hashed } = (job.data ?? {}) as Partial<UploadData>;
      const fileSha = hashed?.fileSha;
      const level = outcome === 'cancelled' ? 'info' : 'error';
      this.#log[level]({ ...fields, source, fileSha, code, retryable, reason }, `upload ${outcome}`);
      this.#history.record(
        fields.uploadId,
        outcome === 'failed' ? `failed: ${reason} [${code}]` : 'cancelled',
      );
    });
    this.#observeWorker(worker, 'upload');
  }

  /** Tells what has become of each event of VOD's. */
  /** What VOD gave among events, and was none, or can't be confirmed and so comes again. */
  oddEvents({ unreadable, unconfirmed }: OddEntries): void {
    this.#metrics.events.inc({ type: 'other', via: 'pull', outcome: 'invalid' }, unreadable);
    this.#log.warn(
      { unreadable, unconfirmed },
      'PullEvent gave entries that are no events, or have no handle',
    );
  }

  observeEvents(worker: Worker<unknown, EventValue>): void {
    const described = (job: Job) => {
      const { via, content } = job.data as EventData;
      const type = typeOf(content);
      return { type, via, fields: { jobId: job.id, eventType: job.name, via } };
    };
    worker.on('completed', (job, value) => {
      const { type, via, fields } = described(job);
      if (value.outcome === 'not ours') {
        this.#metrics.events.inc({ type, via, outcome: 'not_ours' });
        this.#log.info({ ...fields, reason: value.reason }, 'event is of no upload');
        return;
      }
      this.#metrics.events.inc({ type, via, outcome: 'joined' });
      for (const { uploadId, isNew, lagMs } of value.uploads) {
        if (!isNew) continue;
        if (lagMs !== undefined) this.#metrics.eventLag.observe({ type }, lagMs / 1000);
        this.#log.info({ uploadId, ...fields, lagMs }, 'event joined');
        this.#history.record(uploadId, `VOD told ${job.name}${via === 'callback' ? ', by HTTP' : ''}`);
      }
    });
    worker.on('failed', (job, error) => {
      if (job === undefined) return;
      const { via = 'pull' } = (job.data ?? {}) as Partial<EventData>;
      const { code, message: reason } = parseFailure(error.message);
      this.#metrics.events.inc({ type: 'other', via: via === 'callback' ? via : 'pull', outcome: 'invalid' });
      this.#log.warn({ jobId: job.id, eventType: job.name, code, reason }, 'event failed');
    });
    this.#observeWorker(worker, 'events');
  }

  /** Tells each attempt of a child that is spent, those that succeed at debug. */
  observeChildren(worker: Worker, stage: Stage): void {
    worker.on('completed', (job: Job) => this.#log.debug(childFields(stage, job), 'job done'));
    worker.on('failed', (job, error) => {
      if (job === undefined) return;
      const isLast = job.finishedOn !== undefined;
      this.#attemptFailed(stage, job, isLast ? 'failed' : 'retried', error);
    });
    this.#observeWorker(worker, stage);
  }

  /** Tells each attempt that came to nothing and is not spent. */
  readonly spared: ConsumerSettings['onPostponed'] = (stage, job, why, error) =>
    this.#attemptFailed(stage, job, why, error);

  #attemptFailed(stage: Stage, job: Job, next: Next, error: unknown): void {
    const { code, message: reason, retryable } = describeError(error);
    const vodError = vodErrorOf(error);
    const fields = {
      ...childFields(stage, job),
      code,
      canRetry: vodError?.canRetry,
      retryable,
      next,
      reason,
    };
    if (next !== 'failed') {
      const reason = code.startsWith('SOURCE_') ? 'source' : (vodError?.reason ?? 'network');
      this.#metrics.retries.inc({ stage, reason });
    }
    // When an upload fails or is cancelled, its other children only stop.
    if (code === 'CANCELLED') {
      this.#log.debug(fields, 'attempt stopped');
      return;
    }
    this.#log[WARNED.has(next) ? 'warn' : 'info'](fields, 'attempt failed');
    const what = fields.offset === undefined ? stage : `part at ${fields.offset}`;
    const row = `${what}: attempt ${fields.attempt} failed, ${AND_THEN[next]}: ${reason} [${code}]`;
    if (typeof fields.uploadId === 'string') this.#recordAttempt(fields.uploadId, next, row);
    job.log(historyRow(row)).catch(() => {});
  }

  #recordAttempt(uploadId: string, next: Next, row: string): void {
    const now = performance.now();
    const last = this.#lastRowMs.get(uploadId) ?? Number.NEGATIVE_INFINITY;
    if (next !== 'failed' && now - last < HISTORY_INTERVAL_MS) return;
    if (this.#lastRowMs.size > MOST_UPLOADS) this.#lastRowMs.clear();
    this.#lastRowMs.set(uploadId, now);
    this.#history.record(uploadId, row);
  }

  #observeWorker(worker: Worker, stage: Stage): void {
    const queue = QUEUES[stage];
    this.#metrics.stalled.inc({ queue }, 0);
    const running = (isRunning: boolean): void =>
      this.#metrics.workerRunning.set({ queue }, isRunning ? 1 : 0);
    running(worker.isRunning());
    worker.on('paused', () => running(false));
    worker.on('resumed', () => running(true));
    worker.on('closing', () => running(false));
    worker.on('stalled', (jobId) => {
      this.#metrics.stalled.inc({ queue });
      this.#log.warn({ stage, jobId }, 'job stalled: its worker died or lost its lock; it runs again');
    });
  }
}

/** What somebody may have to see to; the rest passes. */
const WARNED: ReadonlySet<Next> = new Set(['retried', 'failed', 'left']);

const AND_THEN: Readonly<Record<Next, string>> = {
  retried: 'will be made again',
  failed: 'for good',
  held: 'will be made again when there is quota',
  interrupted: 'will be made again when VOD answers',
  strained: 'will be made again, fewer at a time',
  left: 'left to other workers',
};

export function vodObserver(metrics: WorkerMetrics): NonNullable<VodClientOptions['onRequest']> {
  return ({ action, result, code, durationMs, retryable }) => {
    metrics.apiRequests.observe({ action, result }, durationMs / 1000);
    if (result === 'ok') return;
    const label = code === undefined ? 'other' : documentedCodeLabel(code);
    metrics.apiErrors.inc({ action, code: label, retryable: String(retryable ?? false) });
  };
}

/** What a job of a child stage says of itself; its data may be no sense. */
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

/** A spent attempt's error is BullMQ's, and carries as its cause what the processor threw. */
function vodErrorOf(error: unknown): VodError | undefined {
  const cause = error instanceof Error && !(error instanceof VodError) ? error.cause : error;
  return cause instanceof VodError ? cause : undefined;
}

function describeError(error: unknown): ReturnType<typeof failureOf> {
  return error instanceof UploaderError ? failureOf(error) : parseFailure((error as Error).message);
}

function typeOf(content: unknown): VodEvent['type'] {
  try {
    return parseEvent(content).type;
  } catch {
    return 'other';
  }
}

function describeResult({ outcome, fileId, fileSize, bytesSent, durationMs }: UploadResult): string {
  const took = `in ${formatDuration(durationMs)}`;
  if (outcome === 'instant')
    return `instant ${took}: VOD had these ${formatBytes(fileSize)} as fileId ${fileId}`;
  return `completed ${took}: sent ${formatBytes(bytesSent)}; fileId ${fileId}`;
}
