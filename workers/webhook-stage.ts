import type { Worker } from 'bullmq';
import type { Config } from '../src/config/config.ts';
import { WebhookError } from '../src/notify/webhook/errors.ts';
import { webhookAttempts, webhookDelayMs } from '../src/notify/webhook/retry.ts';
import type { WebhookSender } from '../src/notify/webhook/send.ts';
import { WebhookRelay } from '../src/notify/webhook-relay.ts';
import type { Logger } from '../src/process/log.ts';
import { parseWebhookData } from '../src/queue/jobs/webhook.ts';
import type { Queues } from '../src/queue/queues.ts';
import type { RedisClient } from '../src/redis/client.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { type Consume, keepJobs } from './consume.ts';
import { webhookProcessor } from './webhook.ts';

/** Webhooks of one process at a time; one to a receiver that does not answer takes its time-out. */
export const WEBHOOK_CONCURRENCY = 32;

/** Delivers webhooks, and makes them of the ends of uploads. @returns undefined when this process has not the stage */
export function startWebhooks(
  consume: Consume,
  deps: {
    readonly config: Config;
    readonly redis: RedisClient;
    readonly queues: Queues;
    readonly webhooks: WebhookSender;
    readonly metrics: WorkerMetrics;
    readonly log: Logger;
  },
): WebhookRelay | undefined {
  const { config, redis, queues, webhooks, metrics, log } = deps;
  const { urls, retryHours } = config.webhooks;
  const baseMs = config.backoffBaseMs;
  const worker = consume(
    'webhook',
    WEBHOOK_CONCURRENCY,
    parseWebhookData,
    webhookProcessor({ queues, redis, sender: webhooks, urls, metrics, log }),
    {
      backoff: (attempt, error) => {
        const retryAfterMs = error instanceof WebhookError ? error.retryAfterMs : undefined;
        return webhookDelayMs(attempt, { baseMs, retryAfterMs });
      },
      // What is to be told of an upload is told, whatever becomes of the upload next.
      outlivesUpload: true,
    },
  );
  if (worker === undefined) return undefined;
  countDeliveries(worker, metrics);
  return new WebhookRelay({
    ...{ queues, redis, target: config.redis, prefix: config.queuePrefix, urls, log },
    attempts: webhookAttempts(retryHours, baseMs),
    keepDead: keepJobs(config.keep.failed),
  });
}

function countDeliveries(worker: Worker, metrics: WorkerMetrics): void {
  worker.on('completed', () => metrics.webhookDeliveries.inc({ outcome: 'delivered' }));
  worker.on('failed', (job) => {
    metrics.webhookDeliveries.inc({ outcome: job?.finishedOn === undefined ? 'failed' : 'dead' });
  });
}
