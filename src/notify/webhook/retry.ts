const MAX_DELAY_MS = 3_600_000;
/** Delays vary by ± this share, so that webhooks that failed together are not retried together. */
const JITTER = 0.2;

/** Doubles with each attempt. */
function delayMs(attempt: number, baseMs: number): number {
  return Math.min(MAX_DELAY_MS, baseMs * 2 ** Math.min(attempt - 1, 40));
}

/**
 * The delay before the next attempt of a delivery, in ms.
 * @param attempt how many attempts have failed, from 1
 * @param options.retryAfterMs the minimum that the receiver asks for
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

/** The number of attempts that take about this many hours, unless the receiver asks for longer delays. */
export function webhookAttempts(hours: number, baseMs: number): number {
  let attempts = 1;
  for (let ms = 0; ms < hours * 3_600_000; attempts++) ms += delayMs(attempts, baseMs);
  return attempts;
}
