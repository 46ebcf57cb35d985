/**
 * Exponential backoff with full jitter: a uniformly random delay between 0 and `baseMs` × 2^(attempt − 1), capped at
 * `maxMs`. With the defaults (1 s, 120 s, 60 attempts) a job's attempts span more than 30 minutes with a probability
 * of 1 − 10⁻⁷ or better, so a half-hour outage of VOD fails no upload.
 *
 * @param attempt how many attempts have failed, from 1
 * @param random a number from 0 up to 1; injected so that a test can state the exact delay
 * @returns milliseconds
 */
export function backoffDelayMs(
  attempt: number,
  options: { baseMs: number; maxMs: number },
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(options.maxMs, options.baseMs * 2 ** Math.min(attempt - 1, 40));
  return Math.round(random() * ceiling);
}
