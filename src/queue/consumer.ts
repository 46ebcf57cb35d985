import {
  type Job,
  type Queue,
  RateLimitError,
  type Telemetry,
  UnrecoverableError,
  WaitingError,
  Worker,
} from 'bullmq';
import type { Logger } from '../process/log.ts';
import type { RedisClient } from '../redis/client.ts';
import { isConnectionError, isRedisError } from '../redis/errors.ts';
import { VodError } from '../vod/wire/vod-error.ts';
import { delayJob } from './delay-job.ts';
import { CANCELLED, failureOf, formatFailure } from './failure.ts';
import { NewerJobError } from './jobs/schema.ts';
import type { LeaveNewerJob } from './leave-newer-job.ts';
import { QUEUES, type Stage } from './names.ts';
import { Pauses } from './pauses.ts';

/** What a processor gets beside its job's data. */
export interface JobContext {
  readonly jobId: string;
  /** Whether an earlier start of this job may have sent something already. */
  readonly restarted: boolean;
  /** How often this job has been started, this time included; not every start spends an attempt. */
  readonly starts: number;
  /** Aborted when the upload is cancelled or has failed, when the worker shuts down, and when the job's lock was lost. */
  readonly signal: AbortSignal;
  /** Writes the job's data anew, for whoever starts it after this one. */
  readonly save: (data: object) => Promise<void>;
}

/** Thrown by a processor when the account's quota is used up: holds the whole queue and spends no attempt. */
export class QuotaHoldError extends Error {
  readonly holdMs: number;
  constructor(holdMs: number, cause: Error) {
    super(cause.message, { cause });
    this.holdMs = holdMs;
  }
}

/** Thrown by a processor that has learnt to do less at a time: its job comes again soon, and spends no attempt. */
export class CongestionError extends Error {
  constructor(cause: VodError) {
    super(cause.message, { cause });
  }
}

/** Thrown by a processor whose job has to wait for another: spends no attempt. */
export class NotReadyError extends Error {
  readonly waitMs: number;
  constructor(waitMs: number) {
    super('not yet');
    this.waitMs = waitMs;
  }
}

/** Thrown by a processor whose job is for others to try, and for this process again later: spends no attempt. */
export class LeftToOthersError extends Error {
  readonly waitMs: number;
  constructor(waitMs: number, cause: Error) {
    super(cause.message, { cause });
    this.waitMs = waitMs;
  }
}

/** Stops this process from calling a VOD host while its calls fail. */
export interface CircuitBreaker {
  /** Whether this process takes no jobs that call the host. */
  readonly isOpen: boolean;
  /** Pauses a worker whenever the circuit is open. A worker created while it is open must be created with `autorun: false`. */
  pauseWhileOpen(worker: Pauses): void;
  /** Records a failed call. @returns whether it only interrupted the job, which then keeps its attempt */
  recordFailure(jobId: string, error: VodError): boolean;
}

export interface ConsumerSettings {
  readonly connection: RedisClient;
  /** Of this process's workers, in Redis's list of clients. */
  readonly name: string;
  readonly prefix: string;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  /** A job that was interrupted waits about this long, so that it neither spins nor comes with all others at once. */
  readonly interruptionMs: number;
  /** At least this often a worker looks whether its queue is held any longer, which may end before its time. */
  readonly heldLookMs: number;
  readonly log: Logger;
  /**
   * Called of each attempt that did not succeed and yet is not spent: `held` because the account's quota is used up,
   * `interrupted` by what hits every request alike, `strained` because that was too much at a time, `left` to other workers
   * because this one does not see the file. Attempts that are spent are BullMQ's event `failed`.
   */
  readonly onPostponed: (
    stage: Stage,
    job: Job,
    why: 'held' | 'interrupted' | 'strained' | 'left',
    error: unknown,
  ) => void;
  /** Of the host of VOD that the stage calls; absent when it calls none. */
  readonly breaker?: CircuitBreaker | undefined;
  readonly leave: LeaveNewerJob;
  /** Absent while tracing is off. */
  readonly telemetry?: Telemetry | undefined;
}

/** Stalls that a job may go through; each crash or lost lock is one, so deploys and outages must not add up to it. */
const MAX_STALLED_COUNT = 20;

/** A job at work in this process. */
interface Active {
  readonly uploadId: string | undefined;
  readonly controller: AbortController;
}

/** Why a job is aborted. */
const SHUTDOWN = Symbol('shutdown');
const STOPPED = Symbol('stopped');
const LOCK_LOST = Symbol('lock lost');

/** What a worker process needs of a stage, whatever its jobs are. */
export interface StageConsumer {
  readonly worker: Worker;
  /** Aborts what this process does for an upload. */
  abortUpload(uploadId: string): void;
  /** Aborts everything; the jobs go back to their queue with no attempt spent. */
  returnJobs(): void;
}

/**
 * A BullMQ worker for one stage of children. It turns what a processor throws into what BullMQ understands: a retry
 * with backoff, a failure at once, a hold of the queue, or a hand-back that spends no attempt.
 */
export class Consumer<Data extends { readonly uploadId?: string }> implements StageConsumer {
  readonly worker: Worker;
  readonly pauses: Pauses;
  readonly #active = new Map<string, Active>();

  constructor(options: {
    readonly stage: Exclude<Stage, 'upload'>;
    readonly queue: Queue;
    readonly concurrency: number;
    readonly parse: (value: unknown) => Data;
    readonly process: (data: Data, attempt: JobContext) => Promise<unknown>;
    /** Milliseconds after so many failures, the last of which was this. */
    readonly backoff: (attempt: number, error: unknown) => number;
    readonly settings: ConsumerSettings;
  }) {
    const { stage, queue, settings } = options;
    const { breaker } = settings;
    const soonMs = (): number => settings.interruptionMs * (0.5 + Math.random());
    this.worker = new Worker(
      QUEUES[stage],
      async (job: Job, token: string | undefined) => {
        const jobId = job.id ?? '';
        // Fetched before the worker was paused.
        if (breaker?.isOpen) return await giveBack(job, token);
        const data = await parseOrLeave(options.parse, job, token, settings.leave);
        const controller = new AbortController();
        const { signal } = controller;
        this.#active.set(jobId, { uploadId: data.uploadId, controller });
        try {
          const save = (changed: object): Promise<void> => job.updateData(changed);
          const { attemptsStarted: starts } = job;
          return await options.process(data, { jobId, restarted: starts > 1, starts, signal, save });
        } catch (error) {
          if (signal.reason === SHUTDOWN) return await giveBack(job, token);
          if (signal.reason === STOPPED) throw new UnrecoverableError(formatFailure(CANCELLED));
          if (error instanceof UnrecoverableError) throw error;
          if (error instanceof NotReadyError) return await delayJob(job, error.waitMs, token);
          if (error instanceof LeftToOthersError) {
            settings.onPostponed(stage, job, 'left', error.cause);
            return await delayJob(job, error.waitMs, token);
          }
          if (error instanceof CongestionError) {
            settings.onPostponed(stage, job, 'strained', error.cause);
            return await delayJob(job, soonMs(), token);
          }
          if (error instanceof QuotaHoldError) {
            settings.onPostponed(stage, job, 'held', error.cause);
            await queue.rateLimit(error.holdMs);
            throw new RateLimitError();
          }
          // Of what it throws then nothing is the job's fault; and should nobody else have it, its turn comes again.
          const lost = signal.reason === LOCK_LOST;
          const interrupted =
            !lost && error instanceof VodError && breaker?.recordFailure(jobId, error) === true;
          if (interrupted) settings.onPostponed(stage, job, 'interrupted', error);
          if (lost || interrupted || isRedisError(error)) return await delayJob(job, soonMs(), token);
          const failure = failureOf(error);
          const failed = failure.retryable ? Error : UnrecoverableError;
          throw Object.assign(new failed(formatFailure(failure)), { cause: error });
        } finally {
          this.#active.delete(jobId);
        }
      },
      {
        ...workerOptions(settings),
        autorun: !breaker?.isOpen,
        concurrency: options.concurrency,
        settings: { backoffStrategy: (attempt, _type, error) => options.backoff(attempt, error?.cause) },
      },
    );
    this.pauses = new Pauses(this.worker);
    breaker?.pauseWhileOpen(this.pauses);
    this.worker.on('error', (error) => logWorkerError(settings.log, stage, error));
    // Somebody else may be at the job already: what this process still does for it is in vain.
    this.worker.on('lockRenewalFailed', (jobIds) => {
      for (const jobId of jobIds) this.#active.get(jobId)?.controller.abort(LOCK_LOST);
    });
  }

  abortUpload(uploadId: string): void {
    for (const active of this.#active.values())
      if (active.uploadId === uploadId) active.controller.abort(STOPPED);
  }

  returnJobs(): void {
    for (const { controller } of this.#active.values()) controller.abort(SHUTDOWN);
  }
}

/** For whoever is next; spends no attempt. @throws always, what BullMQ knows it by */
async function giveBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

async function parseOrLeave<Data>(
  parse: (value: unknown) => Data,
  job: Job,
  token: string | undefined,
  leave: LeaveNewerJob,
): Promise<Data> {
  try {
    return parse(job.data);
  } catch (error) {
    if (error instanceof NewerJobError) return await leave(job, token, error);
    throw error;
  }
}

/** What every worker of this project shares; `maxStalledCount` must be the same on all of them. */
export function workerOptions(settings: ConsumerSettings) {
  return {
    connection: settings.connection,
    name: settings.name,
    prefix: settings.prefix,
    lockDuration: settings.lockDurationMs,
    stalledInterval: settings.stalledIntervalMs,
    maximumRateLimitDelay: settings.heldLookMs,
    maxStalledCount: MAX_STALLED_COUNT,
    ...(settings.telemetry && { telemetry: settings.telemetry }),
  };
}

/** While Redis is away every worker has the same error every second; the connection's own listener tells it once. */
export function logWorkerError(log: Logger, stage: Stage, error: Error): void {
  log[isConnectionError(error) ? 'debug' : 'warn']({ stage, err: error.message }, 'worker error');
}
