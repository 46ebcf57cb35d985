import type { JobsOptions } from 'bullmq';
import { PRIORITY } from './priority.ts';

/**
 * Options of an upload job. BullMQ does not retry it: its children are retried, and a failed upload is retried on
 * request. Workers decide how long it is kept.
 */
export const UPLOAD_JOB_OPTIONS = { attempts: 1, stackTraceLimit: 1 } as const satisfies JobsOptions;

/** How long jobs are kept that are not removed when they end: seconds, and number of jobs. */
export const KEPT_JOBS = { age: 86_400, count: 1000 } as const;

/** Options of a transcode job without an upload. Its attempts span about an hour, as those of a part do. */
export const TRANSCODE_JOB_OPTIONS = {
  attempts: 60,
  backoff: { type: 'custom' },
  priority: PRIORITY.normal,
  removeOnComplete: KEPT_JOBS,
  removeOnFail: KEPT_JOBS,
  stackTraceLimit: 1,
} as const satisfies JobsOptions;
