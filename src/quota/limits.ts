/**
 * How long to hold a queue after VOD refused a request for quota.
 * @param holdMs for a minute of 60 s; @param minuteMs length of the service's minute
 */
export function scaleHoldMs(holdMs: number, minuteMs: number): number {
  return Math.ceil((holdMs * minuteMs) / 60_000);
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
