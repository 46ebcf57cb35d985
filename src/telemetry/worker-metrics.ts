import { createProcessMetrics, type MetricFactory, metricFactory } from './process-metrics.ts';

const REQUEST_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const UPLOAD_SECONDS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600];

/*
 * Counters that alerts use are created at 0: Prometheus does not see a rise of a counter that first appears at 1.
 */

/** The metrics of a worker, in a registry of their own. @param revision of the sources, for vod_build_info */
export function createWorkerMetrics(revision: string) {
  const common = createProcessMetrics(revision);
  const factory = metricFactory(common.registry);
  return {
    ...common,
    ...uploadMetrics(factory),
    ...requestMetrics(factory),
    ...partSlotMetrics(factory),
    ...eventMetrics(factory),
    ...webhookMetrics(factory),
    ...stateMetrics(factory),
  };
}

function uploadMetrics({ counter, histogram }: MetricFactory) {
  const uploads = counter(
    'vod_uploads_total',
    'Uploads that ended, by outcome: completed, instant, failed, cancelled.',
    'outcome',
  );
  for (const outcome of ['completed', 'instant', 'failed', 'cancelled']) uploads.inc({ outcome }, 0);
  const uploadBytes = counter(
    'vod_upload_bytes_total',
    'Bytes of files, by disposition: sent, resent, skipped_resume, skipped_instant.',
    'disposition',
  );
  for (const disposition of ['sent', 'resent', 'skipped_resume', 'skipped_instant']) {
    uploadBytes.inc({ disposition }, 0);
  }
  const parts = counter(
    'vod_parts_total',
    'Attempts of part jobs that ended, by outcome: ok, failed, skipped, aborted.',
    'outcome',
  );
  for (const outcome of ['ok', 'failed', 'skipped', 'aborted']) parts.inc({ outcome }, 0);
  return {
    uploads,
    uploadDuration: histogram(
      'vod_upload_duration_seconds',
      'Time from when an upload was due to its end, by outcome.',
      UPLOAD_SECONDS,
      'outcome',
    ),
    uploadBytes,
    parts,
    hashBytes: counter('vod_hash_bytes_total', 'Bytes hashed.'),
    hashSeconds: counter('vod_hash_seconds_total', 'Time spent hashing.'),
    retries: counter(
      'vod_retries_total',
      'Failed attempts that will be retried, by stage and reason.',
      'stage',
      'reason',
    ),
    stalled: counter(
      'vod_jobs_stalled_total',
      'Stalled jobs, whose worker died or lost its lock, by queue.',
      'queue',
    ),
  };
}

function requestMetrics({ counter, histogram }: MetricFactory) {
  const apiErrors = counter(
    'vod_api_errors_total',
    'Requests that VOD refused or did not answer, by action, code and whether they can be retried.',
    'action',
    'code',
    'retryable',
  );
  for (const action of ['InitUpload', 'UploadPart', 'FinishUpload', 'PullEvent', 'ConfirmEvent', 'check']) {
    for (const code of ['-10001', '-10002', '4100', '4300'])
      apiErrors.inc({ action, code, retryable: 'false' }, 0);
  }
  return {
    apiRequests: histogram(
      'vod_api_request_duration_seconds',
      'Duration of requests to VOD, by action and result: ok, vod_error, http_error, network.',
      REQUEST_SECONDS,
      'action',
      'result',
    ),
    apiErrors,
  };
}

function partSlotMetrics({ gauge, histogram }: MetricFactory) {
  return {
    partDuration: histogram(
      'vod_part_duration_seconds',
      'Time that an attempt to send a part held its slot, by outcome: ok, failed, aborted.',
      REQUEST_SECONDS,
      'outcome',
    ),
    partsInFlight: gauge('vod_parts_in_flight', 'Parts being sent now, each in a slot.'),
    partSlots: gauge('vod_part_slots', 'How many parts this worker sends at a time at most, as of now.'),
    partSlotsMax: gauge(
      'vod_part_slots_max',
      'The maximum of vod_part_slots: the upper bound of the limit part-slots, or of PART_CONCURRENCY.',
    ),
    maxBytesPerSecond: gauge(
      'vod_max_bytes_per_second',
      'The bandwidth limit in force for parts, by scope: total (all workers together), process; 0 = no limit.',
      'scope',
    ),
  };
}

function eventMetrics({ counter, histogram }: MetricFactory) {
  return {
    events: counter(
      'vod_events_total',
      'Events of VOD by type, by how they arrived (pull, callback), and outcome: joined, not_ours, invalid.',
      'type',
      'via',
      'outcome',
    ),
    eventLag: histogram(
      'vod_event_lag_seconds',
      'Time from the end of an upload until an event of its video was joined to it, by type of event.',
      UPLOAD_SECONDS,
      'type',
    ),
  };
}

function webhookMetrics({ counter, histogram }: MetricFactory) {
  const webhookDeliveries = counter(
    'vod_webhook_deliveries_total',
    'Attempts to deliver a webhook, by outcome: delivered, failed (will be retried), dead (given up).',
    'outcome',
  );
  for (const outcome of ['delivered', 'failed', 'dead']) webhookDeliveries.inc({ outcome }, 0);
  return {
    webhookDeliveries,
    webhookDuration: histogram(
      'vod_webhook_duration_seconds',
      'Time that a receiver took to answer, by outcome: ok, failed.',
      REQUEST_SECONDS,
      'outcome',
    ),
  };
}

function stateMetrics({ gauge }: MetricFactory) {
  return {
    workerRunning: gauge('vod_worker_running', '1 while this process takes jobs of the queue.', 'queue'),
    held: gauge(
      'vod_hold',
      '1 while the queues that call VOD are held, by reason: outage, blocked, account, clock.',
      'reason',
    ),
    accounts: gauge(
      'vod_accounts',
      'SecretIds in use by the workers on this prefix, as far as this one knows; 0 where it needs none.',
    ),
    workerOut: gauge(
      'vod_worker_out',
      '1 while this process takes no jobs that call VOD, because VOD answers other processes but not this one, by reason.',
      'reason',
    ),
    sourceRootsGone: gauge(
      'vod_source_roots_gone',
      'Directories of SOURCE_ROOTS that disappeared or whose mount did.',
    ),
  };
}

export type WorkerMetrics = ReturnType<typeof createWorkerMetrics>;
