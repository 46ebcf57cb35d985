/** The time between two attempts doubles up to this. */
const LONGEST_MS = 3_600_000;
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
