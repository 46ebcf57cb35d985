/** Resolves after `ms`. Rejects when `signal` aborts first. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** Sleeps that all end early when what they wait for may have changed. */
export class WakeableSleep {
  readonly #sleep: Sleep;
  readonly #sleeping = new Set<AbortController>();

  constructor(sleep: Sleep) {
    this.#sleep = sleep;
  }

  /** Resolves after `ms`, or at the next {@link wake}. Rejects with the signal's reason when it aborts first. */
  async sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal?.addEventListener('abort', abort, { once: true });
    this.#sleeping.add(stop);
    try {
      await this.#sleep(ms, stop.signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!stop.signal.aborted) throw error;
    } finally {
      this.#sleeping.delete(stop);
      signal?.removeEventListener('abort', abort);
    }
  }

  wake(): void {
    for (const stop of this.#sleeping) stop.abort();
  }
}
