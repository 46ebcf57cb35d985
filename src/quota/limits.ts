import type { Queue } from 'bullmq';

/** At most `max` jobs of a queue start in each window of `windowMs`, over all replicas. */
export interface RateWindow {
  readonly max: number;
  readonly windowMs: number;
}

/** "No limit of ours": more than any machine can start. BullMQ holds a queue after a quota error only when it has a limit. */
const UNLIMITED: RateWindow = { max: 1_000_000_000, windowMs: 1000 };

/**
 * The window that keeps every sliding minute within a quota.
 *
 * BullMQ's window is fixed and opens with its first job, so a sliding minute can touch one window more than fit into
 * it: `max` jobs per window are safe when (60 s / window + 1) × max ≤ quota. Short windows waste less of the quota and
 * spread the load; a window much shorter than a request's jitter is no longer safe. 100 a minute gives 2 per 1,225 ms
 * (98 usable), 10,000 gives 42 per 254 ms (9,921 or more usable).
 *
 * @param quota requests in each sliding minute; 0 = no limit
 * @param minuteMs how long the service's minute is
 */
export function rateWindow(quota: number, minuteMs = 60_000): RateWindow {
  if (quota === 0) return UNLIMITED;
  // A lone job per window that is a minute long needs no headroom but for the jitter.
  if (quota === 1) return { max: 1, windowMs: minuteMs + 1000 };
  const max = quota < 20 ? 1 : Math.max(2, Math.ceil((quota * SHORTEST_WINDOW_MS) / minuteMs));
  return { max, windowMs: Math.ceil((minuteMs * max) / (quota - max)) };
}

/** Requests of one window may be late by about this much without crowding those of the next. */
const SHORTEST_WINDOW_MS = 250;

/**
 * Requests per second, evenly apart, that stay within a quota in every minute, with some room for those that are late.
 * @param minuteMs how long the service's minute is
 */
export function steadyRate(quota: number, minuteMs = 60_000): number {
  return (quota * 0.98 * 1000) / minuteMs;
}

/**
 * How long a queue is held after a refusal for quota.
 * @param holdMs where the service's minute is 60 s; @param minuteMs how long it is
 */
export function holdIn(holdMs: number, minuteMs: number): number {
  return Math.ceil((holdMs * minuteMs) / 60_000);
}

/** Sets the limit that binds every worker of this queue, on every replica. */
export async function setLimit(queue: Queue, { max, windowMs }: RateWindow): Promise<void> {
  await queue.setGlobalRateLimit(max, windowMs);
}

/**
 * While more parts than this wait in `vod-part`, an upload that is ready to fan out waits its turn, so that Redis
 * memory (about 1 KB a part) does not grow with the backlog.
 */
const MAX_WAITING_PARTS = 10_000;

/** Uploads of at most this many parts are let in up to twice the limit: a clip need not wait behind films. */
const SMALL_UPLOAD_PARTS = 64;

/** Whether an upload with `missing` parts may add them while `waiting` parts are in the queue. */
export function admitsFanOut(waiting: number, missing: number): boolean {
  return waiting < (missing <= SMALL_UPLOAD_PARTS ? 2 * MAX_WAITING_PARTS : MAX_WAITING_PARTS);
}
