import type { Job, Queue } from 'bullmq';
import { UploaderError } from '../../base/errors.ts';
import type { VodUploads } from '../../client/vod-uploads.ts';
import { QUEUES, type Stage } from '../../queue/names.ts';
import type { Queues } from '../../queue/queues.ts';
import { uploadIdOf } from './board-queue.ts';

/** Finished jobs are removed in bulks of this many, so that no command blocks Redis for long. */
const CLEAN_BULK = 1000;
/** What has ended so recently stays: a worker may not be through with it. */
const CLEAN_GRACE_MS = 5000;
/** So many uploads are looked at at a time. */
const RETRIES_AT_A_TIME = 16;
const PROMOTE_BULK = 100;
/** Their jobs may be nobody's children. */
const AFTER_UPLOADS: ReadonlySet<Stage> = new Set(['transcode', 'webhook', 'events']);
/** With as many attempts as at first. */
const ANEW = { resetAttemptsMade: true };

/**
 * What the buttons of a dashboard do to a queue of ours. The jobs of an upload are its own to add and to take away, so
 * whoever acts on one acts on its upload; BullMQ's own actions know nothing of that.
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
   * A new attempt of the upload; one job by itself would find its upload at an end, and do nothing. One that no upload
   * waits for, as a webhook, is set to work again itself.
   * @throws {UploaderError} unless the upload has failed or was cancelled, or the job itself was given up
   */
  async retry(jobId: string): Promise<void> {
    const { job, state } = await this.#job(jobId);
    if (!this.#standsAlone(job)) return void (await this.#uploads.retry(this.#uploadOf(job)));
    if (state !== 'failed')
      throw refusal(`job ${jobId} is ${state}; only a failed one can be set to work again`);
    await this.#uploads.retryJob(this.#queue, job, ANEW);
  }

  /**
   * A new attempt of all uploads that have failed, here or by a job in here. Those that somebody has cancelled are left
   * alone: they did not fail, though BullMQ lists them so.
   * @returns how many were retried, and how many cancelled ones there are
   */
  async retryAll(): Promise<{ retried: number; cancelled: number }> {
    const failed = await this.#queue.getJobs(['failed'], 0, -1);
    const alone = failed.filter((job) => this.#standsAlone(job));
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
    // What is no upload, or has been retried by somebody else meanwhile, keeps no other from it.
    await inBulks(ids, RETRIES_AT_A_TIME, retry);
    await inBulks(alone, RETRIES_AT_A_TIME, async (job) => {
      await this.#uploads.retryJob(this.#queue, job, ANEW);
      count.retried++;
    });
    return count;
  }

  /** Ends the wait of a delayed job. @throws {UploaderError} when it does not wait for a time */
  async promote(jobId: string): Promise<void> {
    const { job, state } = await this.#job(jobId);
    if (state !== 'delayed') throw refusal(`job ${jobId} is ${state}; only a delayed one can be promoted`);
    await job.promote();
  }

  /** One by one: BullMQ's own for all lets priorities and delays stand, and an upload would be delayed again after its next step. */
  async promoteAll(): Promise<void> {
    const delayed = await this.#queue.getJobs(['delayed'], 0, -1);
    // What is due by itself meanwhile can't be promoted, and needn't be.
    await inBulks(delayed, PROMOTE_BULK, (job) => job.promote());
  }

  /**
   * Removes what has ended, and what no upload waits for. An upload that has not is cancelled, and so stays listed and can be retried.
   * @throws {UploaderError} for a job of an upload that goes on, which would add it again at once
   */
  async remove(jobId: string): Promise<void> {
    const { job, state } = await this.#job(jobId);
    if (state === 'completed' || state === 'failed') return await job.remove();
    if (this.#standsAlone(job)) {
      if (state === 'active') throw refusal(`job ${jobId} is at work just now`);
      return await job.remove();
    }
    if (this.#stage !== 'upload') {
      throw refusal(`this job is needed by upload ${this.#uploadOf(job)}: cancel that, and its jobs go`);
    }
    if (await this.#uploads.cancel(jobId)) return;
    throw refusal(`upload ${jobId} had ended before it could be cancelled`);
  }

  /** Removes all that completed, or all that failed. */
  async removeAll(state: 'completed' | 'failed'): Promise<void> {
    for (;;) {
      const removed = await this.#queue.clean(CLEAN_GRACE_MS, CLEAN_BULK, state);
      if (removed.length < CLEAN_BULK) return;
    }
  }

  /** Other keys of a queue have names like those of jobs, `meta` for one: only what has a state is a job. */
  async #job(jobId: string) {
    const state = await this.#queue.getJobState(jobId);
    const job = state === 'unknown' ? undefined : await this.#queue.getJob(jobId);
    if (job !== undefined) return { job, state };
    throw new UploaderError('NOT_FOUND', `there is no job ${jobId} in ${QUEUES[this.#stage]}, or no longer`);
  }

  /** Whether no upload waits for it. */
  #standsAlone({ parentKey }: Job): boolean {
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

/** Does it to all, some at a time, whatever becomes of each. */
async function inBulks<T>(all: readonly T[], size: number, act: (one: T) => Promise<void>): Promise<void> {
  for (let from = 0; from < all.length; from += size)
    await Promise.allSettled(all.slice(from, from + size).map(act));
}
