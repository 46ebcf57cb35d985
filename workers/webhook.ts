import { WebhookError } from '../src/notify/webhook/errors.ts';
import type { WebhookSender } from '../src/notify/webhook/send.ts';
import { shownUrl } from '../src/notify/webhook/url.ts';
import { isWebhookPending, webhookTarget } from '../src/notify/webhook-relay.ts';
import type { Logger } from '../src/process/log.ts';
import { type JobContext, NotReadyError } from '../src/queue/consumer.ts';
import type { WebhookData } from '../src/queue/jobs/webhook.ts';
import type { Queues } from '../src/queue/queues.ts';
import type { RedisClient } from '../src/redis/client.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';

/** A webhook that waits for the one before it looks again after a quarter of the time that it has waited. */
const LOOK_AGAIN = { share: 0.25, leastMs: 100, maxMs: 60_000 };

/** One delivery of an event to a receiver, when the events of that upload before it are through. */
export function webhookProcessor(deps: {
  readonly queues: Queues;
  readonly redis: RedisClient;
  readonly sender: WebhookSender;
  /** Those of WEBHOOK_URL. */
  readonly urls: readonly string[];
  readonly metrics: WorkerMetrics;
  readonly log: Logger;
}): (data: WebhookData, attempt: JobContext) => Promise<void> {
  const { queues, redis, sender, metrics, log } = deps;
  const known = new Map(deps.urls.map((url) => [webhookTarget(url), url]));
  return async ({ uploadId, target, url = known.get(target), payload, after }, { signal }) => {
    if (after !== undefined && (await isWebhookPending(queues, redis, after))) {
      const waitedMs = Math.max(0, Date.now() - Date.parse(payload.timestamp));
      const { share, leastMs, maxMs } = LOOK_AGAIN;
      throw new NotReadyError(Math.min(maxMs, Math.max(leastMs, share * waitedMs)));
    }
    if (url !== undefined && webhookTarget(url) !== target) {
      throw new WebhookError('WEBHOOK_URL', 'its URL is not that of its receiver', { retryable: false });
    }
    if (url === undefined) {
      throw new WebhookError(
        'WEBHOOK_UNKNOWN',
        'its receiver is in WEBHOOK_URL no longer, or not on this worker',
        {
          retryable: true,
        },
      );
    }
    const startedAt = performance.now();
    const took = (outcome: 'ok' | 'failed'): number => {
      const durationMs = performance.now() - startedAt;
      metrics.webhookDuration.observe({ outcome }, durationMs / 1000);
      return Math.round(durationMs);
    };
    try {
      await sender.send(url, payload, signal);
    } catch (error) {
      took('failed');
      throw error;
    }
    const { id: eventId, type } = payload;
    log.info(
      { uploadId, stage: 'webhook', event: type, eventId, to: shownUrl(url), durationMs: took('ok') },
      'webhook delivered',
    );
  };
}
