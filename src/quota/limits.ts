import type { Queue } from 'bullmq';

/** At most `max` jobs of a queue start in each window of `windowMs`, over all replicas. */
export interface RateWindow {
  readonly max: number;
  readonly windowMs: number;
}

/** More than any machine can start. Still a limit, because BullMQ holds a queue after a quota error only when it has one. */
const UNLIMITED: RateWindow = { max: 1_000_000_000, windowMs: 1000 };

/**
 * The window that keeps every sliding minute within a quota.
 *
 * BullMQ's window is fixed and opens with its first job, so a sliding minute can touch one window more than fit into
 * it: `max` jobs per window are safe when (60 s / window + 1) × max ≤ quota. Short windows waste less of the quota and
 * spread the load; a window much shorter than a request's jitter is no longer safe. 100 a minute gives 2 per 1,225 ms
 * (98 usable), 10,000 gives 42 per 254 ms (9,921 or more usable).
 *
 * @param quota requests in each sliding minute; 0 = unlimited
 * @param minuteMs length of the service's minute
 */
export function rateWindow(quota: number, minuteMs = 60_000): RateWindow {
  if (quota === 0) return UNLIMITED;
  // One job per window of a minute needs headroom only for jitter.
  if (quota === 1) return { max: 1, windowMs: minuteMs + 1000 };
  const max = quota < 20 ? 1 : Math.max(2, Math.ceil((quota * SHORTEST_WINDOW_MS) / minuteMs));
  return { max, windowMs: Math.ceil((minuteMs * max) / (quota - max)) };
}

/** Requests of one window may be about this late without crowding those of the next. */
const SHORTEST_WINDOW_MS = 250;

/**
 * Evenly spaced requests per second that stay within a quota in every minute, with 2 % room for late requests.
 * @param minuteMs length of the service's minute
 */
export function steadyRate(quota: number, minuteMs = 60_000): number {
  return (quota * 0.98 * 1000) / minuteMs;
}

/**
 * How long to hold a queue after VOD refused a request for quota.
 * @param holdMs for a minute of 60 s; @param minuteMs length of the service's minute
 */
export function scaleHoldMs(holdMs: number, minuteMs: number): number {
  return Math.ceil((holdMs * minuteMs) / 60_000);
}

/** Sets the rate limit of all workers of this queue, on every replica. */
export async function setLimit(queue: Queue, { max, windowMs }: RateWindow): Promise<void> {
  await queue.setGlobalRateLimit(max, windowMs);
}

/**
 * While `vod-part` holds more waiting parts than this, an upload that is ready to fan out waits its turn, so that Redis
 * memory (about 1 KB per part) does not grow with the backlog.
 */
const MAX_WAITING_PARTS = 10_000;

/** Uploads with at most this many parts fan out up to twice the limit, so that clips need not wait behind films. */
const SMALL_UPLOAD_PARTS = 64;

/** Whether an upload may add its `missing` parts while `waiting` parts are in the queue. */
export function admitsFanOut(waiting: number, missing: number): boolean {
  return waiting < (missing <= SMALL_UPLOAD_PARTS ? 2 * MAX_WAITING_PARTS : MAX_WAITING_PARTS);
}
