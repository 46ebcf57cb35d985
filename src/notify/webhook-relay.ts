import { createHash } from 'node:crypto';
import type { JobsOptions } from 'bullmq';
import { defined } from '../base/defined.ts';
import type { Logger } from '../process/log.ts';
import { KEPT_JOBS } from '../queue/jobs/options.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import { parseUploadView } from '../queue/jobs/upload.ts';
import { storedUrl } from '../queue/jobs/video-url.ts';
import { type WebhookData, webhookJobId } from '../queue/jobs/webhook.ts';
import type { SentPayload } from '../queue/jobs/webhook-payload.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/client.ts';
import { isRedisError, RedisUnavailableError } from '../redis/errors.ts';
import type { RedisTarget } from '../redis/target.ts';
import { BullmqEventReader } from './bullmq-event-reader.ts';
import { endEventId, type UploadEndEvent } from './subscriber-events.ts';
import { Subscription } from './subscription.ts';

/** `@` is not allowed in the consumer names of applications. */
const CONSUMER = '@webhooks';

/** A webhook need not be faster, and most events are of other things than ends. */
const BATCH_DELAY_MS = 100;

type UploadView = ReturnType<typeof parseUploadView>;

/** Identifies a receiver in Redis and in logs without its URL, which may be a secret. */
export function webhookTarget(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16);
}

/** Registers the consumer of the relay. Call it before the first upload can end, so that no end is missed. */
export async function registerWebhooks(queues: Queues, redis: RedisClient, prefix: string): Promise<void> {
  await new BullmqEventReader(redis, queues.upload, { prefix, consumer: CONSUMER }).register();
}

/**
 * Adds a webhook job per receiver for each end of an upload. One process does this at a time. Job ids are derived from
 * event and receiver, so that two processes that both hold the lease for a moment send no webhook twice.
 */
export class WebhookRelay {
  readonly #queues: Queues;
  readonly #redis: RedisClient;
  readonly #targets: readonly string[];
  readonly #jobOptions: JobsOptions;
  readonly #log: Logger;
  readonly #subscription: Subscription;

  constructor(options: {
    readonly queues: Queues;
    readonly redis: RedisClient;
    readonly target: RedisTarget;
    readonly prefix: string;
    /** Receivers of the webhooks of all uploads. */
    readonly urls: readonly string[];
    /** Attempts per webhook. */
    readonly attempts: number;
    readonly keepDead: { readonly age: number; readonly count: number };
    readonly log: Logger;
  }) {
    const { queues, redis, target, prefix, log } = options;
    this.#queues = queues;
    this.#log = log;
    this.#redis = redis;
    this.#targets = options.urls.map(webhookTarget);
    this.#jobOptions = {
      attempts: options.attempts,
      backoff: { type: 'custom' },
      // While the job is kept, adding it again does nothing.
      removeOnComplete: KEPT_JOBS,
      removeOnFail: options.keepDead,
      stackTraceLimit: 1,
    };
    const subscriber = {
      consumer: CONSUMER,
      onCompleted: (event: UploadEndEvent) => this.#addJobs(event),
      onFailed: (event: UploadEndEvent) => this.#addJobs(event),
      onError: (error: unknown) => this.#logError(error),
    };
    this.#subscription = new Subscription(subscriber, queues.upload, {
      ...{ redis, target, prefix },
      batchDelayMs: BATCH_DELAY_MS,
    });
  }

  async close(): Promise<void> {
    await this.#subscription.close();
  }

  #logError(error: unknown): void {
    // The connection's own listener already logs that Redis is unavailable.
    const isUnavailable = error instanceof RedisUnavailableError || isRedisError(error);
    const level = isUnavailable ? 'debug' : 'error';
    this.#log[level]({ err: (error as Error).message }, 'webhooks may be late or missing');
  }

  async #addJobs(event: UploadEndEvent): Promise<void> {
    const { uploadId } = event;
    const key = this.#queues.upload.toKey(uploadId);
    const [stored, timestamp] = await this.#redis.hmget(key, 'data', 'timestamp');
    if (stored === null)
      this.#log.warn({ uploadId }, 'upload no longer in Redis; no webhook to its own webhookUrl');
    const upload = parseUpload(stored);
    const createdMs = timestamp == null ? undefined : Number(timestamp);
    const payload = toPayload(event, upload, createdMs);
    for (const [target, url] of this.#receivers(upload?.webhookUrl)) {
      const after = createdMs === undefined ? undefined : await this.#previousJob(event, createdMs, target);
      const data: WebhookData = {
        ...{ schema: SCHEMA_VERSION, uploadId, target, payload },
        ...defined({ url, after }),
      };
      const jobId = webhookJobId(event.id, target);
      await this.#queues.webhook.add(event.type, data, { ...this.#jobOptions, jobId });
    }
  }

  /** The targets of all receivers; with the URL for the upload's own receiver only, because workers know the others. */
  #receivers(webhookUrl: string | undefined): ReadonlyMap<string, string | undefined> {
    const receivers = new Map<string, string | undefined>(this.#targets.map((target) => [target, undefined]));
    if (webhookUrl === undefined) return receivers;
    const target = webhookTarget(webhookUrl);
    return receivers.has(target) ? receivers : receivers.set(target, webhookUrl);
  }

  /** The job of the upload's previous event for the same receiver, if it exists. */
  async #previousJob(event: UploadEndEvent, createdMs: number, target: string): Promise<string | undefined> {
    for (let attempt = event.attempt - 1; attempt >= 1; attempt--) {
      const id = webhookJobId(endEventId(event.uploadId, createdMs, attempt), target);
      if ((await this.#redis.exists(this.#queues.webhook.toKey(id))) === 1) return id;
    }
    return undefined;
  }
}

/** Whether a webhook job exists and has not ended. */
export async function isWebhookPending(queues: Queues, redis: RedisClient, jobId: string): Promise<boolean> {
  const [timestamp, finishedOn] = await redis.hmget(queues.webhook.toKey(jobId), 'timestamp', 'finishedOn');
  return timestamp != null && finishedOn == null;
}

function parseUpload(data: string | null | undefined): UploadView | undefined {
  try {
    return parseUploadView(JSON.parse(data ?? 'null'));
  } catch {
    return undefined;
  }
}

function toPayload(
  event: UploadEndEvent,
  upload: UploadView | undefined,
  createdMs: number | undefined,
): SentPayload {
  const { id, uploadId, attempt, key } = event;
  const ended = { id, timestamp: event.at.toISOString() };
  const common = {
    uploadId,
    attempt,
    ...defined({ key, name: upload?.video.name, type: upload?.video.type }),
    ...(createdMs !== undefined && { createdAt: new Date(createdMs).toISOString() }),
  };
  if (event.type === 'upload.failed') {
    return { ...ended, type: event.type, data: { ...common, state: event.state, failure: event.error } };
  }
  const { fileId, url, outcome, fileSha, fileSize, name, type } = event.result;
  return {
    ...ended,
    type: event.type,
    data: { ...common, name, type, fileId, url: storedUrl(url), outcome, fileSha: fileSha ?? '', fileSize },
  };
}
