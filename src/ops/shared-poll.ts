/** What was read so lately is not read again. */
const KEEP_MS = 1000;

/**
 * Makes one reading serve all who ask while it is under way, and for a second afterwards: however many scrape, and nobody
 * has to log in for that, Redis is asked once.
 * @param poll must not reject
 * @param clock in ms, from any moment on
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
