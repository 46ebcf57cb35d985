import type { Queue } from 'bullmq';
import { UploaderError } from '../../errors.ts';
import { QUEUES, type Stage } from '../../queue/names.ts';
import type { VodUploads } from '../../queue/producer.ts';
import type { Queues } from '../../queue/queues.ts';
import { uploadIdOf } from './board-queue.ts';

/** Finished jobs are removed in bulks of this many, so that no command blocks Redis for long. */
const CLEAN_BULK = 1000;
/** What has ended so recently stays: a worker may not be through with it. */
const CLEAN_GRACE_MS = 5000;
/** So many uploads are looked at at a time. */
const RETRIES_AT_A_TIME = 16;

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
   * A new attempt of the upload; one job by itself would find its upload at an end, and do nothing.
   * @throws {UploaderError} unless the upload has failed or was cancelled
   */
  async retry(jobId: string): Promise<void> {
    await this.#uploads.retry(this.#uploadOf(await this.#job(jobId)));
  }

  /**
   * A new attempt of all uploads that have failed, here or by a job in here. Those that somebody has cancelled are left
   * alone: they did not fail, though BullMQ lists them so.
   * @returns how many were retried, and how many cancelled ones there are
   */
  async retryAll(): Promise<{ retried: number; cancelled: number }> {
    const failed = await this.#queue.getJobs(['failed'], 0, -1);
    const ids = [...new Set(failed.flatMap((job) => uploadIdOf(this.#stage, job) ?? []))];
    const count = { retried: 0, cancelled: 0 };
    const retry = async (id: string): Promise<void> => {
      const status = await (await this.#uploads.get(id))?.status();
      if (status?.state === 'cancelled') count.cancelled++;
      if (status?.state !== 'failed') return;
      await this.#uploads.retry(id);
      count.retried++;
    };
    for (let from = 0; from < ids.length; from += RETRIES_AT_A_TIME) {
      // What is no upload, or has been retried by somebody else meanwhile, keeps no other from it.
      await Promise.allSettled(ids.slice(from, from + RETRIES_AT_A_TIME).map(retry));
    }
    return count;
  }

  /** Ends the wait of a delayed job. */
  async promote(jobId: string): Promise<void> {
    await (await this.#job(jobId)).promote();
  }

  async promoteAll(): Promise<void> {
    await this.#queue.promoteJobs();
  }

  /**
   * Removes what has ended. An upload that has not is cancelled, and so stays listed and can be retried.
   * @throws {UploaderError} for a job of an upload that goes on, which would add it again at once
   */
  async remove(jobId: string): Promise<void> {
    const job = await this.#job(jobId);
    const state = await job.getState();
    if (state === 'completed' || state === 'failed') return await job.remove();
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
    const job =
      (await this.#queue.getJobState(jobId)) === 'unknown' ? undefined : await this.#queue.getJob(jobId);
    if (job !== undefined) return job;
    throw new UploaderError('NOT_FOUND', `there is no job ${jobId} in ${QUEUES[this.#stage]}, or no longer`);
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
