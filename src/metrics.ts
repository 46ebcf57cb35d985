import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from './version.ts';

/** A worker's metrics, in a registry of their own. Labels never grow with uploads or files. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const metrics = {
    registry,
    uploads: new Counter({
      name: 'vod_uploads_total',
      help: 'Uploads that ended, by outcome: completed, instant, failed, cancelled.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    uploadDuration: new Histogram({
      name: 'vod_upload_duration_seconds',
      help: 'Time from when an upload was due to its end.',
      labelNames: ['outcome'] as const,
      buckets: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600],
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
    apiRequests: new Histogram({
      name: 'vod_api_request_duration_seconds',
      help: 'Requests to VOD by action and result: ok, vod_error, http_error, network.',
      labelNames: ['action', 'result'] as const,
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    apiErrors: new Counter({
      name: 'vod_api_errors_total',
      help: 'Requests that VOD refused, by action, code and whether it can be retried.',
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
      help: 'Parts being read or sent now.',
      registers,
    }),
    partSlots: new Gauge({
      name: 'vod_part_slots',
      help: 'Parts that this worker sends at a time at most.',
      registers,
    }),
    held: new Gauge({
      name: 'vod_hold',
      help: '1 while the queues that call VOD are held for this reason: outage, account.',
      labelNames: ['reason'] as const,
      registers,
    }),
    redisConnected: new Gauge({
      name: 'vod_redis_connected',
      help: '1 while connected to Redis.',
      registers,
    }),
    buildInfo: new Gauge({
      name: 'vod_build_info',
      help: 'Always 1; its labels say what runs.',
      labelNames: ['version', 'node_version'] as const,
      registers,
    }),
  };
  metrics.buildInfo.set({ version: VERSION, node_version: process.version }, 1);
  return metrics;
}

export type Metrics = ReturnType<typeof createMetrics>;
