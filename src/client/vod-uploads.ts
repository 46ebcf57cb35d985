import type { Job, Queue } from 'bullmq';
import type { TranscodeOptions } from '../backend/media.ts';
import { UploaderError } from '../base/errors.ts';
import type { Subscriber } from '../notify/subscriber.ts';
import { Subscription } from '../notify/subscription.ts';
import { resolveRoots } from '../source/roots.ts';
import { type Blockers, readBlockers } from '../status/blockers.ts';
import type { UploadDetails } from '../status/details.ts';
import type { UploadStatus } from '../status/status.ts';
import { readUploadPage, type UploadPage, type UploadPageQuery } from '../status/upload-page.ts';
import { VOD_APIS } from '../vod/wire/protocol.ts';
import { cancelUpload } from './cancel.ts';
import { checkAll, enqueueUploads } from './enqueue.ts';
import { type ListOptions, toListQuery } from './list-options.ts';
import { ProducerConnection } from './producer-connection.ts';
import { addTranscoding, checkTranscoding, Transcoding } from './transcodings.ts';
import { Upload } from './upload.ts';
import { toUploadJob, type UploadJob, type WorkerRules } from './upload-job.ts';
import { InvalidUploadError, type UploadOptions } from './upload-options.ts';
import { UploadReader } from './upload-reader.ts';
import type { VodUploadsOptions } from './vod-uploads-options.ts';

/**
 * Enqueues uploads, reports their status, cancels and retries them. One instance per process is enough; close it when
 * done.
 *
 * Every call throws {@link RedisUnavailableError} within seconds when Redis is unavailable. An `add` that fails this way
 * may still have enqueued the upload: with a `key`, adding it again is safe.
 *
 * In an application with an OpenTelemetry SDK (and `@opentelemetry/api` 1.10 or newer) `add` and `addMany` create spans
 * in the active trace, or start a trace, and workers with tracing enabled continue it. This needs no configuration.
 */
export class VodUploads {
  readonly #connection: ProducerConnection;
  readonly #reader: UploadReader;
  readonly #subscriptions = new Set<Subscription>();
  readonly #rules: Omit<WorkerRules, 'roots'>;
  readonly #roots: Promise<readonly string[]> | undefined;

  /** @throws {UploaderError} `CONFIG` when `connection` or `api` is invalid */
  constructor(options: VodUploadsOptions) {
    const { api = 'v2', allowPrivateWebhooks = false } = options;
    if (!VOD_APIS.includes(api)) throw new UploaderError('CONFIG', `api must be ${VOD_APIS.join(' or ')}`);
    this.#rules = { api, allowPrivateWebhooks };
    this.#connection = new ProducerConnection(options);
    this.#reader = new UploadReader(this.#connection);
    this.#roots = options.sourceRoots && resolveRoots(options.sourceRoots, process.cwd());
    // `add` reports the error.
    this.#roots?.catch(() => {});
  }

  /**
   * Enqueues one upload.
   * @throws {InvalidUploadError} naming the invalid options
   * @throws {SourceError} when the file or the cover does not exist, is empty, is not a regular file, or is outside
   *   `sourceRoots`, or when the cover is too large
   * @throws {KeyConflictError} with `onConflict: 'error'`
   */
  async add(options: UploadOptions): Promise<Upload> {
    const job = await toUploadJob(options, { ...this.#rules, roots: await this.#roots });
    const [added] = await this.#enqueue([job]);
    return added as Upload;
  }

  /**
   * Enqueues many uploads, in batches of 500. All are checked first; if one is invalid, none is enqueued.
   * @throws {InvalidUploadError} naming each invalid upload by its index
   * @throws {KeyConflictError} with `onConflict: 'error'`, for the first upload that differs, after the others were
   *   enqueued
   */
  async addMany(many: readonly UploadOptions[]): Promise<Upload[]> {
    const rules = { ...this.#rules, roots: await this.#roots };
    const check = (options: UploadOptions) => toUploadJob(options, rules);
    return await this.#enqueue(await checkAll(many, check));
  }

  /** @returns undefined when no upload has this id, or Redis no longer keeps it */
  async get(id: string): Promise<Upload | undefined> {
    const job = await this.#connection.run(() => this.#connection.queues.upload.getJob(id));
    return job && this.#existing(id);
  }

  /** Lists uploads, newest first. @throws {InvalidUploadError} naming each invalid option */
  async list(options: ListOptions = {}): Promise<UploadStatus[]> {
    const { uploads } = await this.page(toListQuery(options));
    return uploads.flatMap((upload) => ('unreadable' in upload ? [] : [upload]));
  }

  /**
   * Starts a failed or cancelled upload again. Parts that VOD already has are not sent again.
   * @throws {UploaderError} `NOT_FOUND`; or `NOT_FAILED` when the upload is in another state
   */
  async retry(id: string): Promise<Upload> {
    const { job, status } = await this.#reader.find(id);
    if (status.state !== 'failed' && status.state !== 'cancelled') {
      const message = `upload ${id} is ${status.state}; only a failed or cancelled one can be retried`;
      throw new UploaderError('NOT_FAILED', message);
    }
    await this.retryJob(this.#connection.queues.upload, job);
    return this.#existing(id);
  }

  /**
   * Requests transcoding of any video in VOD. To transcode the video of a new upload, add it with `transcode: 'after'`.
   * @throws {InvalidUploadError} when `fileId` is not a VOD fileId, or the workers' API lacks one of the options
   */
  async transcode(fileId: string, options: TranscodeOptions = {}): Promise<Transcoding> {
    checkTranscoding(fileId, options, this.#rules.api);
    const queue = this.#connection.queues.transcode;
    const id = await this.#connection.run(() => addTranscoding(queue, fileId, options));
    return new Transcoding(id, fileId, (jobId) => this.#connection.run(() => queue.getJob(jobId)));
  }

  /**
   * Cancels an upload in any state: removes its waiting parts and aborts its requests on every worker. Waits up to 10 s
   * for a worker to do so. While no worker runs, the upload is only marked, and the next worker cancels it.
   * @returns whether the upload is cancelled or marked; false when it had completed or failed before
   * @throws {UploaderError} `NOT_FOUND`
   */
  async cancel(id: string): Promise<boolean> {
    return await cancelUpload(this.#connection, this.#reader, id);
  }

  /**
   * Notifies the subscriber of the ends of all uploads, including those that other processes add, and those that end
   * while no process with this consumer name runs, starting with its first subscription. Runs until it is closed, and
   * waits while Redis is unavailable.
   * @throws {InvalidUploadError} when the consumer name is invalid
   */
  subscribe(subscriber: Subscriber): Subscription {
    if (!/^[\w.-]{1,64}$/.test(subscriber.consumer)) {
      throw new InvalidUploadError(['consumer must be 1 to 64 letters, digits, ".", "_" or "-"']);
    }
    const subscription = new Subscription(subscriber, this.#connection.queues.upload, this.#connection);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Closes the subscriptions, each after the event that it is processing, and then the connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#reader.close();
    await this.#connection.close();
  }

  /** @internal @throws {UploaderError} `NOT_FOUND` */
  async status(id: string): Promise<UploadStatus> {
    return await this.#reader.status(id);
  }

  /** @internal Everything known about one upload. @throws {UploaderError} `NOT_FOUND` */
  async details(id: string): Promise<UploadDetails> {
    return await this.#reader.details(id);
  }

  /** @internal One page of uploads with counts per state, including uploads that can't be read. */
  async page(query: UploadPageQuery): Promise<UploadPage> {
    return await this.#connection.run(() => readUploadPage(this.#connection, query));
  }

  /** @internal What blocks all uploads. */
  async blockers(): Promise<Blockers> {
    const { queues, redis, prefix } = this.#connection;
    return await this.#connection.run(() => readBlockers(queues, redis, prefix));
  }

  /**
   * @internal Retries a failed job. Resets its stall counter (`stc`), which BullMQ never does: a job that reached
   * `maxStalledCount` would fail at its next stall.
   */
  async retryJob(queue: Queue, job: Job, options?: Parameters<Job['retry']>[1]): Promise<void> {
    await this.#connection.run(async () => {
      await this.#connection.redis.hdel(queue.toKey(job.id ?? ''), 'stc');
      await job.retry('failed', options);
    });
  }

  async #enqueue(jobs: readonly UploadJob[]): Promise<Upload[]> {
    const enqueued = await enqueueUploads(this.#connection, jobs);
    return enqueued.map((upload) => new Upload(this.#reader, upload));
  }

  #existing(id: string): Upload {
    return new Upload(this.#reader, { id, created: false, differs: [] });
  }
}
