import { createProcessMetrics, metricFactory } from './process-metrics.ts';

/** The metrics of `vod-upload ops`: the state that all replicas share, which one process exports for all. */
export function createOpsMetrics(revision: string) {
  const common = createProcessMetrics(revision);
  const { counter, gauge } = metricFactory(common.registry);
  return {
    ...common,
    jobs: gauge('vod_queue_jobs', "Jobs by queue and BullMQ's state.", 'queue', 'state'),
    oldestWaitingAge: gauge(
      'vod_queue_oldest_waiting_age_seconds',
      'How long the job that has waited longest for its first start has been due; 0 when none waits.',
      'queue',
    ),
    paused: gauge('vod_queue_paused', '1 while the queue is paused.', 'queue'),
    rateLimited: gauge(
      'vod_queue_rate_limited',
      '1 while the queue waits because its quota is used up, or because VOD refused a request for quota.',
      'queue',
    ),
    workers: gauge('vod_queue_workers', 'Connected workers that take jobs of the queue.', 'queue'),
    quotaLimit: gauge(
      'vod_quota_limit',
      'Requests per minute that all workers together may make, by action; 0 = no limit.',
      'action',
    ),
    quotaUsed: gauge(
      'vod_quota_used',
      'Requests that count towards vod_quota_limit now, by action: those of the last minute, and of the guard time.',
      'action',
    ),
    redisMemoryUsed: gauge('vod_redis_memory_used_bytes', 'Memory that Redis uses.'),
    redisMemoryMax: gauge('vod_redis_memory_max_bytes', 'Memory that Redis may use; 0 = no limit.'),
    eventCallbacks: counter(
      'vod_event_callbacks_total',
      'Requests to the event callback, by result: accepted, refused, limited, failed.',
      'result',
    ),
    pollErrors: counter(
      'vod_queue_poll_errors_total',
      'Scrapes that could not read the state of the queues from Redis.',
    ),
  };
}

export type OpsMetrics = ReturnType<typeof createOpsMetrics>;
