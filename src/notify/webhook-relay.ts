import { createHash } from 'node:crypto';
import type { JobsOptions } from 'bullmq';
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

/** No application can have this name. */
const CONSUMER = '@webhooks';

type UploadView = ReturnType<typeof parseUploadView>;

/** Names a receiver without telling its URL, which may be a secret. */
export function webhookTarget(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16);
}

/** From when on ends of uploads are announced, at the latest: to be called before the first upload can end. */
export async function beginWebhooks(queues: Queues, redis: RedisClient, prefix: string): Promise<void> {
  await new BullmqEventReader(redis, queues.upload, { prefix, consumer: CONSUMER }).begin();
}

/**
 * Makes of each end of an upload a job for each receiver. One process of all does so at a time; jobs have the same ids
 * whoever adds them, so nothing is announced twice when two believe to be the one.
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
    /** Told of all uploads. */
    readonly urls: readonly string[];
    /** Of each delivery. */
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
      // Kept for a while, so that one that is added again is no second one.
      removeOnComplete: KEPT_JOBS,
      removeOnFail: options.keepDead,
      stackTraceLimit: 1,
    };
    this.#subscription = new Subscription(
      {
        consumer: CONSUMER,
        onCompleted: (event) => this.#announce(event),
        onFailed: (event) => this.#announce(event),
        onError: (error) => {
          // The connection's own listener tells that Redis is away.
          const isAway = error instanceof RedisUnavailableError || isRedisError(error);
          const level = isAway ? 'debug' : 'error';
          log[level]({ err: (error as Error).message }, 'webhooks may be late or missing');
        },
      },
      queues.upload,
      { redis, target, prefix },
    );
  }

  async close(): Promise<void> {
    await this.#subscription.close();
  }

  async #announce(event: UploadEndEvent): Promise<void> {
    const key = this.#queues.upload.toKey(event.uploadId);
    const [stored, timestamp] = await this.#redis.hmget(key, 'data', 'timestamp');
    const { uploadId } = event;
    if (stored === null)
      this.#log.warn({ uploadId }, 'upload is gone; a receiver of its own is not told of it');
    const upload = uploadOf(stored);
    const receivers = new Map<string, string | undefined>(this.#targets.map((target) => [target, undefined]));
    const url = upload?.webhookUrl;
    if (url !== undefined && !receivers.has(webhookTarget(url))) receivers.set(webhookTarget(url), url);
    if (receivers.size === 0) return;
    const createdMs = timestamp == null ? undefined : Number(timestamp);
    const payload = payloadOf(event, upload, createdMs);
    for (const [target, own] of receivers) {
      const after = createdMs === undefined ? undefined : await this.#jobBefore(event, createdMs, target);
      const data: WebhookData = {
        schema: SCHEMA_VERSION,
        uploadId,
        target,
        ...(own !== undefined && { url: own }),
        payload,
        ...(after !== undefined && { after }),
      };
      await this.#queues.webhook.add(event.type, data, {
        ...this.#jobOptions,
        jobId: webhookJobId(event.id, target),
      });
    }
  }

  /** The job of the last event before this one that was to go to the same receiver, if there is one. */
  async #jobBefore(event: UploadEndEvent, createdMs: number, target: string): Promise<string | undefined> {
    for (let attempt = event.attempt - 1; attempt >= 1; attempt--) {
      const id = webhookJobId(endEventId(event.uploadId, createdMs, attempt), target);
      if ((await this.#redis.exists(this.#queues.webhook.toKey(id))) === 1) return id;
    }
    return undefined;
  }
}

/** Whether a job of this id is there and has not ended. */
export async function isPending(queues: Queues, redis: RedisClient, jobId: string): Promise<boolean> {
  const [timestamp, finishedOn] = await redis.hmget(queues.webhook.toKey(jobId), 'timestamp', 'finishedOn');
  return timestamp != null && finishedOn == null;
}

function uploadOf(data: string | null | undefined): UploadView | undefined {
  try {
    return parseUploadView(JSON.parse(data ?? 'null'));
  } catch {
    return undefined;
  }
}

function payloadOf(
  event: UploadEndEvent,
  upload: UploadView | undefined,
  createdMs: number | undefined,
): SentPayload {
  const { id, uploadId, attempt, key } = event;
  const ended = { id, timestamp: event.at.toISOString() };
  const common = {
    uploadId,
    attempt,
    ...(key !== undefined && { key }),
    ...(upload !== undefined && { name: upload.video.name, type: upload.video.type }),
    ...(createdMs !== undefined && { createdAt: new Date(createdMs).toISOString() }),
  };
  if (event.type === 'upload.failed') {
    return { ...ended, type: event.type, data: { ...common, state: event.state, failure: event.error } };
  }
  const { fileId, url, outcome, fileSha, fileSize, name, type } = event.result;
  return {
    ...ended,
    type: event.type,
    data: { ...common, name, type, fileId, url: storedUrl(url), outcome, fileSha, fileSize },
  };
}
