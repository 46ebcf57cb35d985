/** The time between two attempts doubles up to this. */
const LONGEST_MS = 3_600_000;
/** A receiver may ask for no longer pause. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;
/** Times differ by so much, one way or the other, so that those that failed together don't come together. */
const JITTER = 0.2;

function delayMs(attempt: number, baseMs: number): number {
  return Math.min(LONGEST_MS, baseMs * 2 ** Math.min(attempt - 1, 40));
}

/**
 * How long to wait before a delivery is tried again.
 * @param attempt how many attempts have failed, from 1
 * @param options.retryAfterMs what the receiver asks for at least
 * @param random a number from 0 up to 1; injected so that a test can state the exact delay
 */
export function webhookDelayMs(
  attempt: number,
  options: { readonly baseMs: number; readonly retryAfterMs?: number | undefined },
  random: () => number = Math.random,
): number {
  const delay = delayMs(attempt, options.baseMs) * (1 - JITTER + 2 * JITTER * random());
  return Math.round(Math.max(delay, options.retryAfterMs ?? 0));
}

/** So many attempts take about so many hours, when the receiver asks for no longer pauses. */
export function webhookAttempts(hours: number, baseMs: number): number {
  let attempts = 1;
  for (let ms = 0; ms < hours * 3_600_000; attempts++) ms += delayMs(attempts, baseMs);
  return attempts;
}

/** What a header Retry-After asks for, in seconds or as a date, within bounds; undefined when it makes no sense. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms));
}
