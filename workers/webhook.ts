import { WebhookError } from '../src/notify/webhook/errors.ts';
import type { WebhookSender } from '../src/notify/webhook/send.ts';
import { shownUrl } from '../src/notify/webhook/url.ts';
import { isWebhookPending, webhookTarget } from '../src/notify/webhook-relay.ts';
import type { Logger } from '../src/process/log.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { WebhookData } from '../src/queue/jobs/webhook.ts';
import { NotReadyError } from '../src/queue/postpone-errors.ts';
import type { Queues } from '../src/queue/queues.ts';
import type { RedisClient } from '../src/redis/client.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';

/** A webhook that waits for the previous one checks again after a quarter of the time it has waited. */
const CHECK_AGAIN = { share: 0.25, minMs: 100, maxMs: 60_000 };

interface WebhookDependencies {
  readonly queues: Queues;
  readonly redis: RedisClient;
  readonly sender: WebhookSender;
  /** From WEBHOOK_URL. */
  readonly urls: readonly string[];
  readonly metrics: WorkerMetrics;
  readonly log: Logger;
}

/** Delivers an event to one receiver, after the upload's earlier events have been delivered or given up. */
export function webhookProcessor(
  deps: WebhookDependencies,
): (data: WebhookData, attempt: JobContext) => Promise<void> {
  const { queues, redis, sender, metrics, log } = deps;
  const configured = new Map(deps.urls.map((url) => [webhookTarget(url), url]));
  return async ({ uploadId, target, url = configured.get(target), payload, after }, { signal }) => {
    if (after !== undefined && (await isWebhookPending(queues, redis, after))) {
      const waitedMs = Math.max(0, Date.now() - Date.parse(payload.timestamp));
      const { share, minMs, maxMs } = CHECK_AGAIN;
      throw new NotReadyError(Math.min(maxMs, Math.max(minMs, share * waitedMs)));
    }
    const receiver = requireReceiver(url, target);
    const durationMs = await timeDelivery(metrics, () => sender.send(receiver, payload, signal));
    const { id: eventId, type } = payload;
    log.info(
      { uploadId, stage: 'webhook', event: type, eventId, to: shownUrl(receiver), durationMs },
      'webhook delivered',
    );
  };
}

function requireReceiver(url: string | undefined, target: string): string {
  if (url === undefined) {
    throw new WebhookError('WEBHOOK_UNKNOWN', "its receiver is no longer in this worker's WEBHOOK_URL", {
      retryable: true,
    });
  }
  if (webhookTarget(url) !== target) {
    throw new WebhookError('WEBHOOK_URL', "its URL does not match its receiver's id", { retryable: false });
  }
  return url;
}

/** @returns the duration in ms */
async function timeDelivery(metrics: WorkerMetrics, deliver: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  const observe = (outcome: 'ok' | 'failed'): number => {
    const durationMs = performance.now() - startedAt;
    metrics.webhookDuration.observe({ outcome }, durationMs / 1000);
    return Math.round(durationMs);
  };
  try {
    await deliver();
  } catch (error) {
    observe('failed');
    throw error;
  }
  return observe('ok');
}
