import type { Job, Queue } from 'bullmq';
import { UploaderError } from '../base/errors.ts';
import { type ReceivedEvent, VodEventLog } from '../events/vod-event-log.ts';
import { Marks } from '../flow/marks.ts';
import { newestEventId } from '../notify/bullmq-event-reader.ts';
import { type Subscriber, Subscription } from '../notify/subscription.ts';
import { countWorkers } from '../queue/connected-workers.ts';
import { UPLOAD_JOB_OPTIONS } from '../queue/jobs/options.ts';
import { parseUploadData } from '../queue/jobs/upload.ts';
import type { UploadResult } from '../queue/jobs/upload-result.ts';
import { closeQueues, openQueues, type Queues } from '../queue/queues.ts';
import { telemetry } from '../queue/tracing.ts';
import { wake } from '../queue/wake.ts';
import { holdKey, parseHold } from '../quota/hold.ts';
import {
  isRedisError,
  producerConnection,
  type RedisClient,
  type RedisTarget,
  RedisUnavailableError,
  untilReady,
} from '../redis/connection.ts';
import { locationProblem, type RedisLocation } from '../redis/location.ts';
import { resolveRoots } from '../source/roots.ts';
import { type Blockers, readBlockers } from '../status/blockers.ts';
import { readDetails, type UploadDetails } from '../status/details.ts';
import {
  isTerminal,
  statusOf,
  UPLOAD_STATES,
  UploadFailedError,
  type UploadProgress,
  type UploadState,
  type UploadStatus,
} from '../status/status.ts';
import { type UploadPage, type UploadPageQuery, UploadPages } from '../status/upload-pages.ts';
import { differences, KeyConflictError } from './key-conflict.ts';
import { addTranscoding, checkFileId, type TranscodeOptions, Transcoding } from './transcodings.ts';
import { InvalidUploadError, toUploadJob, type UploadJob, type UploadOptions } from './upload-options.ts';
import { UploadWatcher, type WatchFor } from './upload-watcher.ts';

export interface VodUploadsOptions {
  /**
   * Where Redis is: `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS; `{ cluster: 'redis://h1,h2,h3' }`;
   * or `{ sentinels: 'redis://h1,h2,h3', master: 'mymaster' }`.
   */
  readonly connection: RedisLocation;
  /**
   * A file that holds the text of `connection`. User and password are read from it again whenever a connection is made
   * anew, so that a new password needs no restart.
   */
  readonly connectionFile?: string;
  /** The same for `sentinelPassword` alone. */
  readonly sentinelPasswordFile?: string;
  /** With `rediss://`: PEM certificates of the authorities to trust; default those that Node trusts. */
  readonly ca?: string;
  /** The workers' QUEUE_PREFIX; default `{vod}`. */
  readonly prefix?: string;
  /**
   * The directories of the workers' SOURCE_ROOTS. When given, a file outside them is refused by `add` already; else
   * by the worker that takes the upload.
   */
  readonly sourceRoots?: readonly string[];
  /** The workers' WEBHOOK_ALLOW_PRIVATE: whether webhooks may be unencrypted, and of private networks. Default false. */
  readonly allowPrivateWebhooks?: boolean;
  /** @internal How long a call waits for a connection to Redis, in ms; default 5 s. */
  readonly patienceMs?: number;
}

/** @internal Those options that a configuration has. */
export function connectionOptions(
  redis: RedisTarget,
): Pick<VodUploadsOptions, 'connection' | 'connectionFile' | 'sentinelPasswordFile' | 'ca'> {
  const { location, locationFile, sentinelPasswordFile, ca } = redis;
  return {
    connection: location,
    ...(locationFile !== undefined && { connectionFile: locationFile }),
    ...(sentinelPasswordFile !== undefined && { sentinelPasswordFile }),
    ...(ca !== undefined && { ca }),
  };
}

export interface ListOptions {
  /** Only uploads in this state. */
  readonly state?: UploadState;
  /**
   * Only uploads that this text fits: part of the file's name or of the key, in capitals or not, part of the path when it
   * has a slash; or exactly the id, the SHA-1 or the fileId.
   */
  readonly search?: string;
  /** At most this many, newest first; default 50, at most 1000. */
  readonly limit?: number;
  /** So many are left out first; default 0. */
  readonly offset?: number;
}

/** Bulks of this many uploads go to Redis at once. */
const ADD_BULK = 500;
/** So many files are looked at at a time. */
const CHECKS_AT_A_TIME = 32;
/** How long {@link VodUploads.cancel} waits for a worker to look at the upload. */
const CANCEL_TIMEOUT_MS = 10_000;
const CANCEL_POLL_MS = 50;

/**
 * Enqueues uploads and tells what becomes of them. One per process is enough; close it when done.
 *
 * Every call throws {@link RedisUnavailableError} within seconds when Redis is away. An `add` that fails so may have
 * been taken all the same: give it a `key`, and doing it again is safe.
 *
 * In an application with an OpenTelemetry SDK (and `@opentelemetry/api` 1.10 or newer) `add` and `addMany` are spans of
 * the active trace, or begin one, and workers with tracing on continue it; nothing needs to be set.
 */
export class VodUploads {
  readonly #location: RedisLocation;
  readonly #target: RedisTarget;
  readonly #redis: RedisClient;
  readonly #queues: Queues;
  readonly #prefix: string;
  readonly #pages: UploadPages;
  readonly #marks: Marks;
  readonly #events: VodEventLog;
  readonly #watcher: UploadWatcher;
  readonly #subscriptions = new Set<Subscription>();
  readonly #allowPrivateWebhooks: boolean;
  readonly #patience: { readonly timeoutMs?: number };
  readonly #roots: Promise<readonly string[]> | undefined;

  constructor(options: VodUploadsOptions) {
    const prefix = options.prefix ?? '{vod}';
    this.#location = options.connection;
    const problem = locationProblem(this.#location);
    if (problem !== undefined) throw new UploaderError('CONFIG', `connection ${problem}`);
    const { ca, connectionFile: locationFile, sentinelPasswordFile } = options;
    this.#target = {
      ...{ location: this.#location, ca },
      ...(locationFile !== undefined && { locationFile }),
      ...(sentinelPasswordFile !== undefined && { sentinelPasswordFile }),
    };
    this.#redis = producerConnection(this.#target);
    this.#queues = openQueues(this.#redis, prefix, { producer: true, telemetry });
    this.#prefix = prefix;
    this.#pages = new UploadPages(this.#queues.upload, this.#redis);
    this.#marks = new Marks(this.#queues.upload, this.#redis, prefix);
    this.#events = new VodEventLog(this.#queues.upload, this.#redis);
    this.#watcher = new UploadWatcher(this.#target, {
      prefix,
      newest: () => this.#call(() => newestEventId(this.#redis, this.#queues.upload)),
    });
    this.#roots = options.sourceRoots && resolveRoots(options.sourceRoots, process.cwd());
    this.#allowPrivateWebhooks = options.allowPrivateWebhooks ?? false;
    this.#patience = options.patienceMs === undefined ? {} : { timeoutMs: options.patienceMs };
    this.#roots?.catch(() => {});
  }

  /**
   * Enqueues one upload.
   * @throws {InvalidUploadError} naming the options that are wrong
   * @throws {SourceError} when the file is not there, empty, not a regular file, or outside the roots
   * @throws {KeyConflictError} with `onConflict: 'error'`
   */
  async add(options: UploadOptions): Promise<Upload> {
    const upload = await toUploadJob(options, await this.#roots, this.#allowPrivateWebhooks);
    const [added] = await this.#enqueue([upload]);
    return added as Upload;
  }

  /**
   * Enqueues many uploads, in bulk; all of them are checked first, and none is enqueued when one is wrong.
   * @throws {InvalidUploadError} naming each wrong one by its position
   * @throws {KeyConflictError} with `onConflict: 'error'`, of the first that differs; the others are enqueued
   */
  async addMany(many: readonly UploadOptions[]): Promise<Upload[]> {
    const roots = await this.#roots;
    const jobs: UploadJob[] = [];
    const problems: string[] = [];
    for (let from = 0; from < many.length; from += CHECKS_AT_A_TIME) {
      const checked = await Promise.allSettled(
        many
          .slice(from, from + CHECKS_AT_A_TIME)
          .map((options) => toUploadJob(options, roots, this.#allowPrivateWebhooks)),
      );
      for (const [index, outcome] of checked.entries()) {
        if (outcome.status === 'fulfilled') jobs.push(outcome.value);
        else problems.push(`upload ${from + index}: ${(outcome.reason as Error).message}`);
      }
    }
    if (problems.length > 0) throw new InvalidUploadError(problems);
    const uploads: Upload[] = [];
    for (let from = 0; from < jobs.length; from += ADD_BULK) {
      uploads.push(...(await this.#enqueue(jobs.slice(from, from + ADD_BULK))));
    }
    return uploads;
  }

  /** @returns undefined when there is no upload of this id, or no longer. */
  async get(id: string): Promise<Upload | undefined> {
    const job = await this.#call(() => this.#queues.upload.getJob(id));
    return job && new Upload(this, id, false);
  }

  /** Newest first. */
  async list(options: ListOptions = {}): Promise<UploadStatus[]> {
    const { state, search, limit = 50, offset = 0 } = options;
    const problems: string[] = [];
    if (state !== undefined && !UPLOAD_STATES.includes(state)) {
      problems.push(`state must be one of ${UPLOAD_STATES.join(', ')}`);
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) problems.push('limit must be from 1 to 1000');
    if (!Number.isInteger(offset) || offset < 0) problems.push('offset must be a whole number from 0');
    if (problems.length > 0) throw new InvalidUploadError(problems);
    const { uploads } = await this.page({ state, search, limit, offset, order: 'newest' });
    return uploads.flatMap((upload) => ('unreadable' in upload ? [] : [upload]));
  }

  /**
   * Sets a failed or cancelled upload to work again; what VOD has of it by then is not sent again.
   * @throws {UploaderError} `NOT_FOUND`, or `NOT_FAILED` when it is in another state
   */
  async retry(id: string): Promise<Upload> {
    const { job, status } = await this.#existing(id);
    if (status.state !== 'failed' && status.state !== 'cancelled') {
      throw new UploaderError(
        'NOT_FAILED',
        `upload ${id} is ${status.state}; only a failed or cancelled one can be retried`,
      );
    }
    await this.retryJob(this.#queues.upload, job);
    return new Upload(this, id, false);
  }

  /**
   * Has VOD transcode a video that it has, be it of an upload or not; `transcode: 'after'` does it for an upload.
   * @throws {InvalidUploadError} when `fileId` is none
   */
  async transcode(fileId: string, options: TranscodeOptions = {}): Promise<Transcoding> {
    checkFileId(fileId);
    const queue = this.#queues.transcode;
    const id = await this.#call(() => addTranscoding(queue, fileId, options));
    return new Transcoding(id, fileId, (jobId) => this.#call(() => queue.getJob(jobId)));
  }

  /**
   * Ends an upload as cancelled, wherever it is: its waiting parts are removed and its requests under way aborted, on
   * every replica.
   * @returns whether it is cancelled; false when it had completed or failed before. While no worker runs, it is only
   *   marked, and ends as soon as one looks at it.
   * @throws {UploaderError} `NOT_FOUND`
   */
  async cancel(id: string): Promise<boolean> {
    const { job, status } = await this.#existing(id);
    if (isTerminal(status.state)) return status.state === 'cancelled';
    return await this.#call(async () => {
      await this.#marks.cancel(id, job.attemptsMade + 1);
      const deadline = Date.now() + CANCEL_TIMEOUT_MS;
      let woken = await wake(this.#queues.upload, this.#redis, job);
      // Without workers nothing more will happen now. When it can't be told, there may be some.
      const attended = (await countWorkers(this.#queues.upload)) !== 0;
      while (Date.now() < deadline && (attended || !woken)) {
        const { state } = (await this.#existing(id)).status;
        if (isTerminal(state)) return state === 'cancelled';
        await new Promise((resolve) => setTimeout(resolve, CANCEL_POLL_MS));
        woken = (await wake(this.#queues.upload, this.#redis, job)) || woken;
      }
      return true;
    });
  }

  /**
   * Tells of the ends of all uploads, whoever has added them: those that come, and those that came while no process with
   * this consumer's name was there, from its first subscription on. Goes on until it is closed, and waits while Redis is
   * away.
   * @throws {InvalidUploadError} when the consumer's name is not one
   */
  subscribe(subscriber: Subscriber): Subscription {
    if (!/^[\w.-]{1,64}$/.test(subscriber.consumer)) {
      throw new InvalidUploadError(['consumer must be 1 to 64 letters, digits, ".", "_" or "-"']);
    }
    const subscription = new Subscription(subscriber, this.#queues.upload, {
      redis: this.#redis,
      target: this.#target,
      prefix: this.#prefix,
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Closes the connections; the subscriptions first, each when it is through with the event that it is at. */
  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#watcher.close();
    await closeQueues(this.#queues);
    this.#redis.disconnect();
  }

  /** @internal */
  async status(id: string): Promise<UploadStatus> {
    return (await this.#existing(id)).status;
  }

  /** @internal @throws {UploaderError} `NOT_FOUND` */
  async events(id: string): Promise<ReceivedEvent[]> {
    await this.#existing(id);
    return await this.#call(() => this.#events.read(id));
  }

  /** @internal Also counts, and tells of jobs that can't be read. */
  async page(query: UploadPageQuery): Promise<UploadPage> {
    return await this.#call(() => this.#pages.page(query));
  }

  /** @internal What keeps all uploads from going on. */
  async blockers(): Promise<Blockers> {
    return await this.#call(() => readBlockers(this.#queues, this.#redis, this.#prefix));
  }

  /**
   * @internal Sets a failed job to work again. Its stalls are forgotten: BullMQ counts them over all of a job's life, and
   * one that had too many would fail at the next.
   */
  async retryJob(queue: Queue, job: Job, options?: Parameters<Job['retry']>[1]): Promise<void> {
    await this.#call(async () => {
      await this.#redis.hdel(queue.toKey(job.id ?? ''), 'stc');
      await job.retry('failed', options);
    });
  }

  /** @internal Everything that is known of one upload. @throws {UploaderError} `NOT_FOUND` */
  async details(id: string): Promise<UploadDetails> {
    const { job, status } = await this.#existing(id);
    return await this.#call(() => readDetails(this.#queues, this.#redis, job, status));
  }

  /** @internal Yields what the upload has come to, whenever it may have changed, or ended, until it has ended. */
  async *follow(id: string, watchFor: WatchFor): AsyncGenerator<UploadStatus, void, undefined> {
    for await (const _ of this.#watcher.changes(id, watchFor)) {
      let status: UploadStatus;
      try {
        status = await this.status(id);
      } catch (error) {
        // Redis will be back, and the upload goes on meanwhile or after.
        if (error instanceof RedisUnavailableError) continue;
        throw error;
      }
      yield status;
      if (isTerminal(status.state)) return;
    }
  }

  async #enqueue(uploads: readonly UploadJob[]): Promise<Upload[]> {
    return await this.#call(async () => {
      const queue = this.#queues.upload;
      const jobs = uploads.map(({ id, data, delayMs }) => ({
        name: `${data.video.name}.${data.video.type}`,
        data,
        // A new upload waits behind those under way, which have priority 0.
        opts: {
          ...UPLOAD_JOB_OPTIONS,
          jobId: id,
          priority: data.priority,
          ...(delayMs > 0 && { delay: delayMs }),
        },
      }));
      const [only] = jobs;
      if (jobs.length === 1 && only !== undefined) await queue.add(only.name, only.data, only.opts);
      else await queue.addBulk(jobs);
      return await Promise.all(uploads.map((upload) => this.#createdOrFound(upload)));
    });
  }

  /** Adding a job whose id exists changes nothing and doesn't say so; whose data is there tells. */
  async #createdOrFound({ id, data, version, onConflict }: UploadJob): Promise<Upload> {
    if (data.key === undefined) return new Upload(this, id, true);
    const job = await this.#queues.upload.getJob(id);
    const stored = job?.data as Partial<typeof data> | undefined;
    if (stored === undefined || stored.nonce === data.nonce)
      return new Upload(this, id, stored !== undefined);
    if (stored.source !== data.source) {
      throw new InvalidUploadError([
        `key ${JSON.stringify(data.key)} belongs to upload ${id} of ${stored.source}`,
      ]);
    }
    const differs = differencesOf(stored, data, version);
    if (differs.length > 0 && onConflict === 'error') throw new KeyConflictError(id, data.key, differs);
    return new Upload(this, id, false, differs);
  }

  async #existing(id: string): Promise<{ job: Job; status: UploadStatus }> {
    return await this.#call(async () => {
      // In this order: a job that is seen to have ended has its result by then.
      const state = await this.#queues.upload.getJobState(id);
      // Some keys of the queue itself could be taken for a job's.
      const job = state === 'unknown' ? undefined : await this.#queues.upload.getJob(id);
      if (job === undefined) {
        throw new UploaderError(
          'NOT_FOUND',
          `there is no upload ${id}; finished ones are kept for a limited time`,
        );
      }
      const hold = parseHold(await this.#redis.get(holdKey(this.#prefix)));
      return { job, status: statusOf(job, state, hold) };
    });
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    await untilReady(this.#redis, this.#location, this.#patience);
    try {
      return await call();
    } catch (error) {
      if (error instanceof RedisUnavailableError || !isRedisError(error)) throw error;
      throw new RedisUnavailableError(
        this.#location,
        `did not carry out a command (${(error as Error).message})`,
        error,
      );
    }
  }
}

/** One upload, as a producer holds it. */
export class Upload {
  readonly id: string;
  /** False when an upload with this key was there already. */
  readonly created: boolean;
  /**
   * What of that one is not as this `add` asked for: names of options, and `file` when the file has been written since.
   * None of it has an effect. Empty when all is the same, or it was created.
   */
  readonly differs: readonly string[];
  readonly #uploads: VodUploads;

  /** @internal */
  constructor(uploads: VodUploads, id: string, created: boolean, differs: readonly string[] = []) {
    this.#uploads = uploads;
    this.id = id;
    this.created = created;
    this.differs = differs;
  }

  /** @throws {UploaderError} `NOT_FOUND` when Redis keeps it no longer. */
  async status(): Promise<UploadStatus> {
    return await this.#uploads.status(this.id);
  }

  /**
   * What VOD has told of its video: NewFileUpload, TranscodeComplete and whatever else, in the order in which it came.
   * Only where a worker runs the stage `events`, or `vod-upload ops` takes VOD's callbacks.
   * @throws {UploaderError} `NOT_FOUND` when Redis keeps it no longer.
   */
  async events(): Promise<ReceivedEvent[]> {
    return await this.#uploads.events(this.id);
  }

  /** Yields where the upload stands, whenever that changes, until it has ended; then ends, however it went. */
  async *progress(): AsyncGenerator<UploadProgress, void, undefined> {
    let last = '';
    for await (const { progress } of this.#uploads.follow(this.id, 'change')) {
      const now = JSON.stringify(progress);
      if (now !== last) yield progress;
      last = now;
    }
  }

  /**
   * Waits for the end, however long that is; goes on waiting while Redis is away.
   * @throws {UploadFailedError} when it ended without a video
   */
  async result(): Promise<UploadResult> {
    for await (const { error, result } of this.#uploads.follow(this.id, 'end')) {
      if (error !== undefined) throw new UploadFailedError(this.id, error);
      if (result !== undefined) return result;
    }
    throw new UploaderError('CLOSED', `stopped waiting for upload ${this.id}: VodUploads was closed`);
  }
}

/** Nothing is told of an upload of a newer version, whose options this one may not know. */
function differencesOf(stored: unknown, data: UploadJob['data'], version: UploadJob['version']): string[] {
  try {
    return differences(parseUploadData(stored), data, version);
  } catch {
    return [];
  }
}
