import type { Queue } from 'bullmq';
import { fulfilledWithin } from '../base/fulfilled-within.ts';
import type { Logger } from '../process/log.ts';
import { countConnectedWorkers } from '../queue/connected-workers.ts';
import { STAGES } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import { openQuotaLog, type QuotaSettings, quotaActions, quotaOf } from '../quota/quotas.ts';
import { callOnKeyNode, type RedisClient } from '../redis/client.ts';
import { infoFields } from '../redis/info.ts';
import { optionalReply } from '../redis/optional-commands.ts';
import { oldestDueMs } from '../status/oldest-due.ts';
import type { OpsMetrics } from '../telemetry/ops-metrics.ts';
import type { QuotaAction } from '../vod/wire/protocol.ts';

export interface QueueSources extends QuotaSettings {
  readonly queues: Queues;
  readonly log: Logger;
}

/** If Redis does not answer within this time, the scrape lacks these metrics. */
const TIMEOUT_MS = 4000;

/**
 * Reads the queues' metrics from Redis for a scrape. When that fails, the metrics are absent rather than old, and
 * `vod_queue_poll_errors_total` counts it. Metrics of commands that this Redis user may not run (CLIENT LIST, INFO, TIME)
 * are absent too.
 */
export function createQueuePoll(metrics: OpsMetrics, sources: QueueSources): () => Promise<void> {
  const { queues, redis, vod, log } = sources;
  // Parts have no quota with API 3.0, and autoscaling must know that.
  metrics.quotaLimit.set({ action: 'UploadPart' }, 0);
  for (const action of quotaActions(vod.api))
    metrics.quotaLimit.set({ action }, quotaOf(action, vod).requests);
  const forget = (): void => {
    const { jobs, oldestWaitingAge, paused, rateLimited, workers, quotaUsed } = metrics;
    for (const gauge of [jobs, oldestWaitingAge, paused, rateLimited, workers, quotaUsed]) gauge.reset();
    metrics.redisMemoryUsed.remove();
    metrics.redisMemoryMax.remove();
  };
  return async () => {
    try {
      if (redis.status !== 'ready') throw new Error('not connected to Redis');
      const asked = Promise.all([
        optionalReply(callOnKeyNode(redis, queues.upload.toKey('meta'), ['info'])),
        readUsedQuotas(sources),
        ...STAGES.map(async (stage) => await look(queues[stage], redis)),
      ]);
      if (!(await fulfilledWithin(asked, TIMEOUT_MS))) throw new Error(`no answer within ${TIMEOUT_MS} ms`);
      const [info, used, ...found] = await asked;
      forget();
      for (const [action, requests] of used) metrics.quotaUsed.set({ action }, requests);
      for (const { queue, jobs, oldestMs, paused, rateLimited, workers } of found) {
        for (const [state, count] of Object.entries(jobs)) metrics.jobs.set({ queue, state }, count);
        const ageMs = oldestMs === undefined ? 0 : Math.max(0, Date.now() - oldestMs);
        metrics.oldestWaitingAge.set({ queue }, ageMs / 1000);
        metrics.paused.set({ queue }, Number(paused));
        metrics.rateLimited.set({ queue }, Number(rateLimited));
        if (workers !== undefined) metrics.workers.set({ queue }, workers);
      }
      if (info === undefined) return;
      const fields = infoFields(String(info));
      metrics.redisMemoryUsed.set(Number(fields.get('used_memory') ?? Number.NaN));
      metrics.redisMemoryMax.set(Number(fields.get('maxmemory') ?? 0));
    } catch (error) {
      forget();
      metrics.pollErrors.inc();
      log.warn({ err: (error as Error).message }, 'queue metrics could not be read from redis');
    }
  };
}

/** @returns by action; empty if this Redis user may not run TIME, which the logs of permits need */
async function readUsedQuotas(
  settings: QuotaSettings,
): Promise<readonly (readonly [action: QuotaAction, requests: number])[]> {
  const { redis, prefix } = settings;
  const time = await optionalReply(callOnKeyNode(redis, `${prefix}:`, ['time']));
  if (time === undefined) return [];
  return await Promise.all(
    quotaActions(settings.vod.api).map(
      async (action) => [action, await lookAtQuota(action, settings)] as const,
    ),
  );
}

/** @returns requests of the last minute; 0 for an action without a quota, whose requests are not counted */
async function lookAtQuota(action: QuotaAction, settings: QuotaSettings): Promise<number> {
  return (await openQuotaLog(action, settings)?.look())?.used ?? 0;
}

async function look(queue: Queue, redis: RedisClient) {
  const [jobs, oldestMs, paused, rateLimitMs, workers] = await Promise.all([
    queue.getJobCounts(),
    oldestDueMs(queue, redis),
    queue.isPaused(),
    queue.getRateLimitTtl(),
    countConnectedWorkers(queue),
  ]);
  return { queue: queue.name, jobs, oldestMs, paused, rateLimited: rateLimitMs > 0, workers };
}
