/** A result is reused for this time. */
const KEEP_MS = 1000;

/**
 * Shares one poll among all callers that arrive while it runs, and for a second afterwards. Scraping needs no login, so
 * many scrapers must not cause many reads from Redis.
 * @param poll must not reject
 * @param clock monotonic, in ms
 */
export function sharePoll(
  poll: () => Promise<void>,
  clock: () => number = () => performance.now(),
): () => Promise<void> {
  let running: Promise<void> | undefined;
  let endedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    if (clock() - endedAtMs < KEEP_MS) return;
    running ??= poll().finally(() => {
      running = undefined;
      endedAtMs = clock();
    });
    await running;
  };
}
