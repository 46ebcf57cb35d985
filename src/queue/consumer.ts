import { type Job, type Queue, RateLimitError, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Logger } from '../process/log.ts';
import { isRedisError } from '../redis/errors.ts';
import { VodError } from '../vod/wire/vod-error.ts';
import { delayJob } from './delay-job.ts';
import { CANCELLED, failureOf, formatFailure } from './failure.ts';
import { NewerJobError } from './jobs/schema.ts';
import type { LeaveNewerJob } from './leave-newer-job.ts';
import { QUEUES, type Stage } from './names.ts';
import { PauseControl } from './pause-control.ts';
import { CongestionError, LeftToOthersError, NotReadyError, QuotaHoldError } from './postpone-errors.ts';
import { logWorkerError, type WorkerSettings, workerOptions } from './worker-options.ts';

/** What a processor gets besides its job's data. */
export interface JobContext {
  readonly jobId: string;
  /** When this job was added, in milliseconds since 1970. */
  readonly createdAtMs: number;
  /** Whether an earlier start of this job may have sent something already. */
  readonly restarted: boolean;
  /** How often this job was started, including this time. Not every start spends an attempt. */
  readonly starts: number;
  /** Aborted when the upload is cancelled or has failed, the worker shuts down, or the job's lock is lost. */
  readonly signal: AbortSignal;
  /** Replaces the job's data, for later starts. */
  readonly save: (data: object) => Promise<void>;
}

/** Stops this process from calling a VOD host while its calls fail. */
export interface CircuitBreaker {
  /** Whether this process takes no jobs that call the host. */
  readonly isOpen: boolean;
  /** Pauses a worker whenever the circuit is open. While it is open, create a worker with `autorun: false`. */
  pauseWhileOpen(worker: PauseControl): void;
  /** Records a failed call. @returns whether it only interrupted the job, which then keeps its attempt */
  recordFailure(jobId: string, error: VodError): boolean;
}

/**
 * Why a job was postponed: `held`, because the account's quota is used up; `interrupted`, by an outage that affects all
 * requests; `strained`, because too many requests ran in parallel; `left` to other workers, because this one does not see
 * the file.
 */
export type PostponeReason = 'held' | 'interrupted' | 'strained' | 'left';

export interface ConsumerSettings extends WorkerSettings {
  /** Average delay of an interrupted job. It is random, so that interrupted jobs do not all start at once. */
  readonly interruptionMs: number;
  readonly log: Logger;
  /** Called when a job is postponed, which spends no attempt. Attempts that are spent are BullMQ's event `failed`. */
  readonly onPostponed: (stage: Stage, job: Job, reason: PostponeReason, error: unknown) => void;
  /** The breaker of the VOD host that the stage calls; absent if it calls none. */
  readonly breaker?: CircuitBreaker | undefined;
  readonly leave: LeaveNewerJob;
}

interface ConsumerOptions<Data> {
  readonly stage: Exclude<Stage, 'upload'>;
  readonly queue: Queue;
  readonly concurrency: number;
  readonly parse: (value: unknown) => Data;
  readonly process: (data: Data, context: JobContext) => Promise<unknown>;
  /** @returns milliseconds to wait after this many failures, the last of which was `error` */
  readonly backoff: (failures: number, error: unknown) => number;
  readonly settings: ConsumerSettings;
}

/** A job that this process is working on. */
interface ActiveJob {
  readonly uploadId: string | undefined;
  readonly controller: AbortController;
}

/** Reasons for aborting a job. */
const SHUTDOWN = Symbol('shutdown');
const UPLOAD_ENDED = Symbol('upload ended');
const LOCK_LOST = Symbol('lock lost');

/** The part of a {@link Consumer} that does not depend on its job data. */
export interface StageConsumer {
  readonly worker: Worker;
  /** Aborts the active jobs of an upload. */
  abortUpload(uploadId: string): void;
  /** Aborts all active jobs and returns them to their queue, without spending an attempt. */
  returnJobs(): void;
}

/**
 * A BullMQ worker for the children of one stage. It maps the errors of the processor to BullMQ: a retry with backoff, an
 * immediate failure, a hold of the queue, or a return to the queue that spends no attempt.
 */
export class Consumer<Data extends { readonly uploadId?: string }> implements StageConsumer {
  readonly worker: Worker;
  readonly pauseControl: PauseControl;
  readonly #options: ConsumerOptions<Data>;
  readonly #active = new Map<string, ActiveJob>();

  constructor(options: ConsumerOptions<Data>) {
    this.#options = options;
    const { stage, concurrency, backoff, settings } = options;
    const { breaker, log } = settings;
    this.worker = new Worker(
      QUEUES[stage],
      async (job: Job, token: string | undefined) => await this.#process(job, token),
      {
        ...workerOptions(settings),
        autorun: !breaker?.isOpen,
        concurrency,
        settings: { backoffStrategy: (failures, _type, error) => backoff(failures, error?.cause) },
      },
    );
    this.pauseControl = new PauseControl(this.worker);
    breaker?.pauseWhileOpen(this.pauseControl);
    this.worker.on('error', (error) => logWorkerError(log, stage, error));
    // Another worker may have taken the job, so this process stops working on it.
    this.worker.on('lockRenewalFailed', (jobIds) => {
      for (const jobId of jobIds) this.#active.get(jobId)?.controller.abort(LOCK_LOST);
    });
  }

  abortUpload(uploadId: string): void {
    for (const active of this.#active.values())
      if (active.uploadId === uploadId) active.controller.abort(UPLOAD_ENDED);
  }

  returnJobs(): void {
    for (const { controller } of this.#active.values()) controller.abort(SHUTDOWN);
  }

  async #process(job: Job, token: string | undefined): Promise<unknown> {
    const { process, settings } = this.#options;
    const jobId = job.id ?? '';
    // The job was fetched before the worker was paused.
    if (settings.breaker?.isOpen) return await returnToWait(job, token);
    const data = await this.#parse(job, token);
    const controller = new AbortController();
    const { signal } = controller;
    this.#active.set(jobId, { uploadId: data.uploadId, controller });
    try {
      const { attemptsStarted: starts, timestamp: createdAtMs } = job;
      const save = (changed: object): Promise<void> => job.updateData(changed);
      return await process(data, { jobId, createdAtMs, restarted: starts > 1, starts, signal, save });
    } catch (error) {
      return await this.#postponeOrFail(job, token, error, signal.reason);
    } finally {
      this.#active.delete(jobId);
    }
  }

  async #parse(job: Job, token: string | undefined): Promise<Data> {
    const { parse, settings } = this.#options;
    try {
      return parse(job.data);
    } catch (error) {
      if (error instanceof NewerJobError) return await settings.leave(job, token, error);
      throw error;
    }
  }

  async #postponeOrFail(
    job: Job,
    token: string | undefined,
    error: unknown,
    abortReason: unknown,
  ): Promise<never> {
    const { stage, queue, settings } = this.#options;
    const soonMs = settings.interruptionMs * (0.5 + Math.random());
    const postponed = (reason: PostponeReason, cause: unknown): void =>
      settings.onPostponed(stage, job, reason, cause);
    if (abortReason === SHUTDOWN) return await returnToWait(job, token);
    if (abortReason === UPLOAD_ENDED) throw new UnrecoverableError(formatFailure(CANCELLED));
    if (error instanceof UnrecoverableError) throw error;
    if (error instanceof NotReadyError) return await delayJob(job, error.waitMs, token);
    if (error instanceof LeftToOthersError) {
      postponed('left', error.cause);
      return await delayJob(job, error.waitMs, token);
    }
    if (error instanceof CongestionError) {
      postponed('strained', error.cause);
      return await delayJob(job, soonMs, token);
    }
    if (error instanceof QuotaHoldError) {
      // A full quota is normal under load: only VOD's refusals are reported.
      if (error.cause !== undefined) postponed('held', error.cause);
      if (error.holdMs > 0) await queue.rateLimit(error.holdMs);
      throw new RateLimitError();
    }
    // An error after the lock was lost says nothing about the job. If no other worker has taken the job, it is retried.
    if (abortReason === LOCK_LOST) return await delayJob(job, soonMs, token);
    if (error instanceof VodError && settings.breaker?.recordFailure(job.id ?? '', error)) {
      postponed('interrupted', error);
      return await delayJob(job, soonMs, token);
    }
    if (isRedisError(error)) return await delayJob(job, soonMs, token);
    const failure = failureOf(error);
    const ErrorClass = failure.retryable ? Error : UnrecoverableError;
    throw Object.assign(new ErrorClass(formatFailure(failure)), { cause: error });
  }
}

/** Returns a job to the queue without spending an attempt. @throws always, as BullMQ requires */
async function returnToWait(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}
