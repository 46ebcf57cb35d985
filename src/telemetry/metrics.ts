import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { BULLMQ_VERSION, VERSION } from '../base/version.ts';
import { droppedLines } from '../process/standard-error.ts';

/*
 * Every metric of the project, by process. Names, units and labels follow Prometheus's conventions; no label has
 * values that grow with uploads or files.
 */

const SECONDS_OF_REQUESTS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const SECONDS_OF_UPLOADS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600];

/** Gauges of prom-client whose names end as only counters' may, by Prometheus's own lint. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** What every process of this project tells of itself: what runs, on which Redis connection, and Node's own metrics. */
function createProcessMetrics(revision: string) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const buildInfo = new Gauge({
    name: 'vod_build_info',
    help: 'Always 1; its labels say what runs.',
    labelNames: ['version', 'revision', 'node_version', 'bullmq_version'] as const,
    registers,
  });
  buildInfo.set(
    { version: VERSION, revision, node_version: process.version, bullmq_version: BULLMQ_VERSION },
    1,
  );
  const redisConnected = new Gauge({
    name: 'vod_redis_connected',
    help: '1 while connected to Redis.',
    registers,
  });
  new Counter({
    name: 'vod_log_lines_dropped_total',
    help: 'Lines of the log that were dropped because nobody read them.',
    registers,
    collect() {
      this.reset();
      this.inc(droppedLines());
    },
  });
  return { registry, redisConnected };
}

/** A worker's metrics, in a registry of their own. @param revision of the sources, for vod_build_info */
export function createMetrics(revision: string) {
  const common = createProcessMetrics(revision);
  const registers = [common.registry];
  const metrics = {
    ...common,
    uploads: new Counter({
      name: 'vod_uploads_total',
      help: 'Uploads that ended, by outcome: completed, instant, failed, cancelled.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    uploadDuration: new Histogram({
      name: 'vod_upload_duration_seconds',
      help: 'Time from when an upload was due to its end, by outcome.',
      labelNames: ['outcome'] as const,
      buckets: SECONDS_OF_UPLOADS,
      registers,
    }),
    uploadBytes: new Counter({
      name: 'vod_upload_bytes_total',
      help: 'Bytes of files by what became of them: sent, resent, skipped_resume, skipped_instant.',
      labelNames: ['disposition'] as const,
      registers,
    }),
    parts: new Counter({
      name: 'vod_parts_total',
      help: 'Part jobs that ended an attempt, by outcome: ok, failed, skipped, aborted.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    partDuration: new Histogram({
      name: 'vod_part_duration_seconds',
      help: 'Time that an attempt at a part held its slot, by outcome: ok, failed, aborted.',
      labelNames: ['outcome'] as const,
      buckets: SECONDS_OF_REQUESTS,
      registers,
    }),
    apiRequests: new Histogram({
      name: 'vod_api_request_duration_seconds',
      help: 'Requests to VOD by action and result: ok, vod_error, http_error, network.',
      labelNames: ['action', 'result'] as const,
      buckets: SECONDS_OF_REQUESTS,
      registers,
    }),
    apiErrors: new Counter({
      name: 'vod_api_errors_total',
      help: 'Requests that VOD refused or did not answer, by action, code and whether it can be retried.',
      labelNames: ['action', 'code', 'retryable'] as const,
      registers,
    }),
    retries: new Counter({
      name: 'vod_retries_total',
      help: 'Attempts that will be made again, by stage and reason.',
      labelNames: ['stage', 'reason'] as const,
      registers,
    }),
    stalled: new Counter({
      name: 'vod_jobs_stalled_total',
      help: 'Jobs whose worker died or lost its lock, by queue.',
      labelNames: ['queue'] as const,
      registers,
    }),
    hashBytes: new Counter({ name: 'vod_hash_bytes_total', help: 'Bytes hashed.', registers }),
    hashSeconds: new Counter({ name: 'vod_hash_seconds_total', help: 'Time spent hashing.', registers }),
    partsInFlight: new Gauge({
      name: 'vod_parts_in_flight',
      help: 'Parts being sent now, each in a slot.',
      registers,
    }),
    partSlots: new Gauge({
      name: 'vod_part_slots',
      help: 'Parts that this worker sends at a time at most, as of now.',
      registers,
    }),
    partSlotsMax: new Gauge({
      name: 'vod_part_slots_max',
      help: 'The most that vod_part_slots can become: the upper bound of PART_CONCURRENCY.',
      registers,
    }),
    events: new Counter({
      name: 'vod_events_total',
      help: 'Events of VOD by type, by how they came (pull, callback), and outcome: joined, not_ours, invalid.',
      labelNames: ['type', 'via', 'outcome'] as const,
      registers,
    }),
    eventLag: new Histogram({
      name: 'vod_event_lag_seconds',
      help: 'Time from the end of an upload until an event of its video was joined to it, by type of event.',
      labelNames: ['type'] as const,
      buckets: SECONDS_OF_UPLOADS,
      registers,
    }),
    webhookDeliveries: new Counter({
      name: 'vod_webhook_deliveries_total',
      help: 'Attempts to deliver a webhook by what came of them: delivered, failed (and made again), dead (given up).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    webhookDuration: new Histogram({
      name: 'vod_webhook_duration_seconds',
      help: 'Time that a receiver took to answer, by outcome: ok, failed.',
      labelNames: ['outcome'] as const,
      buckets: SECONDS_OF_REQUESTS,
      registers,
    }),
    workerRunning: new Gauge({
      name: 'vod_worker_running',
      help: '1 while this process takes jobs of the queue.',
      labelNames: ['queue'] as const,
      registers,
    }),
    held: new Gauge({
      name: 'vod_hold',
      help: '1 while the queues that call VOD are held for this reason: outage, blocked, account, clock.',
      labelNames: ['reason'] as const,
      registers,
    }),
    accounts: new Gauge({
      name: 'vod_accounts',
      help: 'SecretIds that the workers on this prefix use, as far as this one sees; 0 where it needs none.',
      registers,
    }),
    workerOut: new Gauge({
      name: 'vod_worker_out',
      help: '1 while this process takes no jobs that call VOD, since VOD answers others and not this one, by reason.',
      labelNames: ['reason'] as const,
      registers,
    }),
    sourceRootsGone: new Gauge({
      name: 'vod_source_roots_gone',
      help: 'Directories of SOURCE_ROOTS that were there and are gone, or whose mount is.',
      registers,
    }),
  };
  beginAtZero(metrics);
  return metrics;
}

/** A counter that first shows up at 1 has not risen, to Prometheus; so what alerts look at begins at 0. */
function beginAtZero({
  uploads,
  uploadBytes,
  parts,
  apiErrors,
  webhookDeliveries,
}: {
  readonly uploads: Counter<'outcome'>;
  readonly uploadBytes: Counter<'disposition'>;
  readonly parts: Counter<'outcome'>;
  readonly apiErrors: Counter<'action' | 'code' | 'retryable'>;
  readonly webhookDeliveries: Counter<'outcome'>;
}): void {
  for (const outcome of ['completed', 'instant', 'failed', 'cancelled']) uploads.inc({ outcome }, 0);
  for (const disposition of ['sent', 'resent', 'skipped_resume', 'skipped_instant']) {
    uploadBytes.inc({ disposition }, 0);
  }
  for (const outcome of ['delivered', 'failed', 'dead']) webhookDeliveries.inc({ outcome }, 0);
  for (const outcome of ['ok', 'failed', 'skipped', 'aborted']) parts.inc({ outcome }, 0);
  for (const action of ['InitUpload', 'UploadPart', 'FinishUpload', 'PullEvent', 'ConfirmEvent', 'check']) {
    for (const code of ['-10001', '-10002', '4100', '4300'])
      apiErrors.inc({ action, code, retryable: 'false' }, 0);
  }
}

/** The metrics of `vod-upload ops`: what all replicas share, and so one process is to tell. */
export function createOpsMetrics(revision: string) {
  const common = createProcessMetrics(revision);
  const registers = [common.registry];
  const byQueue = ['queue'] as const;
  return {
    ...common,
    jobs: new Gauge({
      name: 'vod_queue_jobs',
      help: 'Jobs by queue and state, as BullMQ names the states.',
      labelNames: ['queue', 'state'] as const,
      registers,
    }),
    oldestWaitingAge: new Gauge({
      name: 'vod_queue_oldest_waiting_age_seconds',
      help: 'How long the job that has waited longest for its first start has been due; 0 when none waits.',
      labelNames: byQueue,
      registers,
    }),
    paused: new Gauge({
      name: 'vod_queue_paused',
      help: '1 while somebody has paused the queue.',
      labelNames: byQueue,
      registers,
    }),
    rateLimited: new Gauge({
      name: 'vod_queue_rate_limited',
      help: '1 while the queue waits for the next window of its quota, or after VOD has refused for quota.',
      labelNames: byQueue,
      registers,
    }),
    workers: new Gauge({
      name: 'vod_queue_workers',
      help: 'Workers that are connected and take jobs of the queue.',
      labelNames: byQueue,
      registers,
    }),
    quota: new Gauge({
      name: 'vod_quota_per_minute',
      help: 'Requests per minute that all workers together may make, by action; 0 = no limit.',
      labelNames: ['action'] as const,
      registers,
    }),
    redisMemoryUsed: new Gauge({
      name: 'vod_redis_memory_used_bytes',
      help: 'Memory that Redis uses.',
      registers,
    }),
    redisMemoryMax: new Gauge({
      name: 'vod_redis_memory_max_bytes',
      help: 'Memory that Redis may use; 0 = no limit.',
      registers,
    }),
    eventCallbacks: new Counter({
      name: 'vod_event_callbacks_total',
      help: 'Requests to the callback of events by result: accepted, refused, limited, failed.',
      labelNames: ['result'] as const,
      registers,
    }),
    pollErrors: new Counter({
      name: 'vod_queue_poll_errors_total',
      help: 'Scrapes for which Redis did not tell the state of the queues.',
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
export type OpsMetrics = ReturnType<typeof createOpsMetrics>;
