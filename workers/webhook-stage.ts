import type { Worker } from 'bullmq';
import { WebhookError } from '../src/notify/webhook/errors.ts';
import { webhookAttempts, webhookDelayMs } from '../src/notify/webhook/retry.ts';
import { WebhookRelay } from '../src/notify/webhook-relay.ts';
import { parseWebhookData } from '../src/queue/jobs/webhook.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { keepJobs } from './consumers.ts';
import type { StageContext } from './stage-context.ts';
import { webhookProcessor } from './webhook.ts';

/** Deliveries of one process at a time. A receiver that does not answer occupies one until the request times out. */
export const WEBHOOK_CONCURRENCY = 32;

/** Delivers webhooks, and adds them when uploads end. @returns undefined when this process does not run the stage */
export function startWebhooks(context: StageContext): WebhookRelay | undefined {
  const { config, redis, queues, webhooks: sender, metrics, log } = context;
  const { urls, retryHours } = config.webhooks;
  const baseMs = config.backoffBaseMs;
  const worker = context.consumers.start('webhook', {
    concurrency: WEBHOOK_CONCURRENCY,
    parse: parseWebhookData,
    process: webhookProcessor({ queues, redis, sender, urls, metrics, log }),
    backoff: (attempt, error) => {
      const retryAfterMs = error instanceof WebhookError ? error.retryAfterMs : undefined;
      return webhookDelayMs(attempt, { baseMs, retryAfterMs });
    },
    // A webhook is delivered whatever happens to its upload afterwards.
    outlivesUpload: true,
  });
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
