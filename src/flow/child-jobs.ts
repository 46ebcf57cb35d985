import type { Job, JobsOptions } from 'bullmq';
import { defined } from '../base/defined.ts';
import type { FinishData } from '../queue/jobs/finish.ts';
import type { HashData, Hashed } from '../queue/jobs/hash.ts';
import type { InitData } from '../queue/jobs/init.ts';
import { KEPT_JOBS } from '../queue/jobs/options.ts';
import type { PartData } from '../queue/jobs/part.ts';
import { hashPriority, PRIORITY, partPriority } from '../queue/jobs/priority.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import type { TranscodeData } from '../queue/jobs/transcode.ts';
import {
  type ChildStep,
  childId,
  partIndexReader,
  QUEUES,
  type Run,
  runName,
  STAGES,
} from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/client.ts';
import type { ActiveUpload } from './active-upload.ts';
import type { Children } from './children.ts';
import { UNQUEUED_FIELD } from './fan-out.ts';
import { batches, type PartJob } from './part-jobs.ts';

/**
 * Parts are added in batches of this size. Workers on the same connection take and complete no part while a batch is being
 * added, so a large batch delays the first parts of the upload and those of all others.
 */
const ADD_BATCH = 16;

/** Children are listed and removed in batches of this size, so that no command blocks Redis for long. */
const LIST_BATCH = 500;
const REMOVE_BATCH = 100;

/** Child entries are deleted from Redis if a finished upload has more than this; fewer are not worth a round trip. */
const FORGET_CHILDREN_ABOVE = 16;

/** Adds and removes the child jobs of an upload. Adding a child again, after a crash for instance, has no effect. */
export class ChildJobs {
  readonly #queues: Queues;
  readonly #redis: RedisClient;
  readonly #attempts: number;
  readonly #upload: ActiveUpload;

  constructor(
    deps: { readonly queues: Queues; readonly redis: RedisClient; readonly childAttempts: number },
    upload: ActiveUpload,
  ) {
    this.#queues = deps.queues;
    this.#redis = deps.redis;
    this.#attempts = deps.childAttempts;
    this.#upload = upload;
  }

  async addHash(): Promise<void> {
    const { source, hashed, rehash, hash, priority, size, video } = this.#upload.data;
    const data: HashData = { ...this.#childFields(), source, ...defined({ known: hashed, rehash, hash }) };
    const fileSize = hashed?.version.size ?? size ?? 0;
    await this.#add('hash', data, { priority: hashPriority(priority, fileSize, video.partSize) });
  }

  async addInit(init: Pick<InitData, 'hashed' | 'compare' | 'resume' | 'expiredSessions'>): Promise<void> {
    const { video, cover } = this.#upload.data;
    const data: InitData = { ...this.#childFields(), ...init, video, ...defined({ cover }) };
    await this.#add('init', data, {});
  }

  /**
   * @param upload of all parts. `first`: before the parts of all other uploads
   * @param isCancelled called with each batch but the first; no further batch is added if it returns true
   */
  async addParts(
    upload: { readonly hashed: Hashed; readonly hasSession: boolean; readonly first: boolean },
    parts: readonly PartJob[],
    isCancelled: () => Promise<boolean>,
  ): Promise<void> {
    const { hashed, hasSession, first } = upload;
    const { source } = this.#upload.data;
    const priority = first ? PRIORITY.first : this.#upload.data.priority;
    const fields = { ...this.#childFields(), source, hashed, ...(hasSession && { session: true as const }) };
    for (const batch of batches(parts, ADD_BATCH)) {
      const jobs = batch.map(({ index, data }) => ({
        name: `part ${index}`,
        data: { ...fields, ...data } satisfies PartData,
        opts: this.#childOptions(index, { priority: partPriority(priority, index) }),
      }));
      const isFirst = batch[0] === parts[0];
      const [added, cancelled] = await Promise.all([
        this.#queues.part.addBulk(jobs),
        !isFirst && isCancelled(),
      ]);
      for (const job of added) this.#checkAdded(job);
      if (cancelled) return;
    }
  }

  /** The number of children that have not finished. */
  async countUnfinished(): Promise<number> {
    return await this.#redis.scard(this.#dependenciesKey());
  }

  /** Indices of the parts of this run whose jobs have not finished. */
  async unfinishedParts(): Promise<number[]> {
    const indexOf = partIndexReader(this.#upload.id, this.#upload.run);
    const keys = await this.#redis.smembers(this.#dependenciesKey());
    return keys.flatMap((key) => indexOf(key) ?? []);
  }

  /** Stores how many planned parts have no job yet. */
  async setUnqueued(count: number): Promise<void> {
    await this.#redis.hset(this.#queues.upload.toKey(this.#upload.id), UNQUEUED_FIELD, count);
  }

  #dependenciesKey(): string {
    return `${this.#queues.upload.toKey(this.#upload.id)}:dependencies`;
  }

  async addFinish(finish: Pick<FinishData, 'fileSha' | 'session' | 'checksum'>): Promise<void> {
    const data: FinishData = { ...this.#childFields(), ...finish };
    await this.#add('finish', data, {});
  }

  /** Adds a job that deletes what VOD has of a session. It is not a child: the upload ends without it. */
  async addAbandon(session: string): Promise<void> {
    const data: FinishData = { ...this.#childFields(), session, abandon: true };
    const { id, run } = this.#upload;
    const options = this.#jobOptions('finish', { jobId: `${id}-${runName(run)}-abandon` });
    this.#checkAdded(await this.#queues.finish.add('abandon', data, options));
  }

  /** @param asked whether an earlier ConvertVodFile of this upload may have taken effect */
  async addTranscode(fileId: string, asked: boolean): Promise<void> {
    await this.#add('transcode', { ...this.#transcodeData(fileId), ...(asked && { asked }) }, {});
  }

  /**
   * Adds a transcode job that is not a child: the upload completes without it. The job is kept for a while when it has
   * completed, so that adding it again has no effect.
   */
  async addDetachedTranscode(fileId: string): Promise<void> {
    const options = this.#jobOptions('transcode', { removeOnComplete: KEPT_JOBS });
    this.#checkAdded(await this.#queues.transcode.add('transcode', this.#transcodeData(fileId), options));
  }

  #transcodeData(fileId: string): TranscodeData {
    const { timeoutMs: _, ...flags } = this.#upload.data.transcoding ?? {};
    return { ...this.#childFields(), fileId, ...flags };
  }

  /** Removes the children that are not active from their queues. Active children can't be removed; they are aborted. */
  async removePending(): Promise<void> {
    let cursor = 0;
    do {
      const { unprocessed = [], nextUnprocessedCursor = 0 } = await this.#upload.job.getDependencies({
        unprocessed: { cursor, count: LIST_BATCH },
      });
      for (const keys of batches(unprocessed, REMOVE_BATCH)) {
        await Promise.all(keys.map((key) => this.#remove(key)));
      }
      cursor = nextUnprocessedCursor;
    } while (cursor !== 0);
  }

  async #remove(jobKey: string): Promise<void> {
    const [queue, id] = jobKey.split(':').slice(-2) as [string, string];
    const stage = STAGES.find((name) => QUEUES[name] === queue);
    if (stage !== undefined) await this.#queues[stage].remove(id).catch(() => 0);
  }

  /**
   * Deletes the entries that BullMQ keeps in the parent for each child that has ended.
   * @param parts number of parts of the file: Redis does not shrink a hash whose entries were recorded and deleted
   */
  async forget({ completedCount, failedCount }: Children, parts: number): Promise<void> {
    const key = this.#queues.upload.toKey(this.#upload.id);
    const keys = [
      ...(Math.max(completedCount, parts) > FORGET_CHILDREN_ABOVE ? [`${key}:processed`] : []),
      ...(failedCount > FORGET_CHILDREN_ABOVE ? [`${key}:failed`] : []),
    ];
    if (keys.length > 0) await this.#redis.unlink(...keys);
  }

  async #add(
    stage: 'hash' | 'init' | 'finish' | 'transcode',
    data: object,
    options: JobsOptions,
  ): Promise<void> {
    this.#checkAdded(await this.#queues[stage].add(stage, data, this.#childOptions(stage, options)));
  }

  /** BullMQ returns a negative id instead of throwing if the parent does not exist. */
  #checkAdded({ id }: Pick<Job, 'id'>): void {
    if (Number(id) < 0) throw new Error(`upload ${this.#upload.id} was removed while it was running`);
  }

  #childFields(): { schema: number; uploadId: string; run: Run } {
    return { schema: SCHEMA_VERSION, uploadId: this.#upload.id, run: this.#upload.run };
  }

  #childOptions(step: ChildStep, options: JobsOptions): JobsOptions {
    return {
      ...this.#jobOptions(step, options),
      parent: { id: this.#upload.id, queue: this.#queues.upload.qualifiedName },
      continueParentOnFailure: true,
    };
  }

  #jobOptions(step: ChildStep, options: JobsOptions): JobsOptions {
    const { id, run, data } = this.#upload;
    return {
      jobId: childId(id, run, step),
      priority: data.priority,
      attempts: this.#attempts,
      backoff: { type: 'custom' },
      removeOnComplete: true,
      removeOnFail: KEPT_JOBS,
      stackTraceLimit: 1,
      ...options,
    };
  }
}
