import type { Job, Queue } from 'bullmq';
import { UploaderError } from '../../base/errors.ts';
import type { VodUploads } from '../../client/vod-uploads.ts';
import { QUEUES, type Stage } from '../../queue/names.ts';
import type { Queues } from '../../queue/queues.ts';
import { uploadIdOf } from './board-queue.ts';

/** Ended jobs are removed in batches of this size, so that no command blocks Redis for long. */
const CLEAN_BATCH = 1000;
/** Jobs that ended more recently are kept: a worker may still be using them. */
const CLEAN_GRACE_MS = 5000;
/** Uploads retried at a time. */
const RETRY_BATCH = 16;
const PROMOTE_BATCH = 100;
/** Stages whose jobs may have no parent. */
const AFTER_UPLOADS: ReadonlySet<Stage> = new Set(['transcode', 'webhook', 'events']);
/** Gives a retried job all its attempts again. */
const RETRY_OPTIONS = { resetAttemptsMade: true };

/**
 * The dashboard's actions on one queue. Only an upload adds and removes its child jobs, so an action on a child acts on
 * its upload; BullMQ's own actions do not.
 */
export class QueueActions {
  readonly #stage: Stage;
  readonly #queue: Queue;
  readonly #uploads: VodUploads;

  constructor(stage: Stage, queues: Queues, uploads: VodUploads) {
    this.#stage = stage;
    this.#queue = queues[stage];
    this.#uploads = uploads;
  }

  /**
   * Starts a new attempt of the job's upload; the job alone would do nothing, because its upload has ended. A job without
   * a parent, like a webhook, is retried itself.
   * @throws {UploaderError} unless the upload failed or was cancelled, or the job without a parent failed
   */
  async retry(jobId: string): Promise<void> {
    const { job, state } = await this.#job(jobId);
    if (!this.#hasNoParent(job)) return void (await this.#uploads.retry(this.#uploadOf(job)));
    if (state !== 'failed') throw refusal(`job ${jobId} is ${state}; only a failed one can be retried`);
    await this.#uploads.retryJob(this.#queue, job, RETRY_OPTIONS);
  }

  /**
   * Retries all uploads that failed, in this queue or by a job of this queue. Cancelled uploads are skipped, although
   * BullMQ lists them as failed.
   * @returns the numbers of retried and of skipped uploads
   */
  async retryAll(): Promise<{ retried: number; cancelled: number }> {
    const failed = await this.#queue.getJobs(['failed'], 0, -1);
    const alone = failed.filter((job) => this.#hasNoParent(job));
    const others = failed.filter((job) => !alone.includes(job));
    const ids = [...new Set(others.flatMap((job) => uploadIdOf(this.#stage, job) ?? []))];
    const count = { retried: 0, cancelled: 0 };
    const retry = async (id: string): Promise<void> => {
      const status = await (await this.#uploads.get(id))?.status();
      if (status?.state === 'cancelled') count.cancelled++;
      if (status?.state !== 'failed') return;
      await this.#uploads.retry(id);
      count.retried++;
    };
    // Errors are ignored: a job may belong to no upload, or may have been retried in the meantime.
    await inBatches(ids, RETRY_BATCH, retry);
    await inBatches(alone, RETRY_BATCH, async (job) => {
      await this.#uploads.retryJob(this.#queue, job, RETRY_OPTIONS);
      count.retried++;
    });
    return count;
  }

  /** Makes a delayed job run now. @throws {UploaderError} when it is not delayed */
  async promote(jobId: string): Promise<void> {
    const { job, state } = await this.#job(jobId);
    if (state !== 'delayed') throw refusal(`job ${jobId} is ${state}; only a delayed one can be promoted`);
    await job.promote();
  }

  /** One by one: BullMQ's `promoteJobs()` keeps priorities and delays, so an upload would be delayed again after its next step. */
  async promoteAll(): Promise<void> {
    const delayed = await this.#queue.getJobs(['delayed'], 0, -1);
    // Errors are ignored: a job that became due in the meantime can't be promoted.
    await inBatches(delayed, PROMOTE_BATCH, (job) => job.promote());
  }

  /**
   * Removes a job that has ended or has no parent. An upload that has not ended is cancelled instead, so it stays listed
   * and can be retried.
   * @throws {UploaderError} for a child of an upload that has not ended: the upload would add it again at once
   */
  async remove(jobId: string): Promise<void> {
    const { job, state } = await this.#job(jobId);
    if (state === 'completed' || state === 'failed') return await job.remove();
    if (this.#hasNoParent(job)) {
      if (state === 'active') throw refusal(`job ${jobId} is active`);
      return await job.remove();
    }
    if (this.#stage !== 'upload') {
      throw refusal(
        `this job is needed by upload ${this.#uploadOf(job)}: cancel the upload to remove its jobs`,
      );
    }
    if (await this.#uploads.cancel(jobId)) return;
    throw refusal(`upload ${jobId} had ended before it could be cancelled`);
  }

  /** Removes all completed or all failed jobs. */
  async removeAll(state: 'completed' | 'failed'): Promise<void> {
    for (;;) {
      const removed = await this.#queue.clean(CLEAN_GRACE_MS, CLEAN_BATCH, state);
      if (removed.length < CLEAN_BATCH) return;
    }
  }

  /** Other keys of a queue look like jobs (`meta`, for example); only a job has a state. */
  async #job(jobId: string) {
    const state = await this.#queue.getJobState(jobId);
    const job = state === 'unknown' ? undefined : await this.#queue.getJob(jobId);
    if (job !== undefined) return { job, state };
    throw new UploaderError('NOT_FOUND', `${QUEUES[this.#stage]} has no job ${jobId} (any more)`);
  }

  /** Whether no upload waits for the job. */
  #hasNoParent({ parentKey }: Job): boolean {
    return AFTER_UPLOADS.has(this.#stage) && parentKey === undefined;
  }

  #uploadOf(job: { readonly id?: string; readonly data: unknown }): string {
    const uploadId = uploadIdOf(this.#stage, job);
    if (uploadId === undefined) throw refusal('this job belongs to no upload');
    return uploadId;
  }
}

function refusal(message: string): UploaderError {
  return new UploaderError('REFUSED', message);
}

/** Runs an action on all items, `size` at a time, and ignores errors. */
async function inBatches<T>(all: readonly T[], size: number, act: (one: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < all.length; from += size)
    await Promise.allSettled(all.slice(from, from + size).map(act));
}
