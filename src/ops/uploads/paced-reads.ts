/** Maximum pause between two reads. */
const MAX_PAUSE_MS = 20_000;
/** The pause after a read is this many times its duration, so reads take about 5 % of the time. */
const PAUSE_FACTOR = 20;
/** Within this time after a failed read, other reads fail with the same error. */
const ERROR_SHARED_MS = 1000;

/**
 * Reads for live updates: one at a time, shared by all viewers of the same page, with a pause of twenty times its duration
 * after each. However many viewers and pages there are, they can't overload Redis.
 */
export class PacedReads {
  readonly #clock: () => number;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #pending = new Map<string, Promise<string>>();
  #last: Promise<void> = Promise.resolve();
  #pauseMs = 0;
  #lastError: { readonly error: unknown; readonly untilMs: number } | undefined;

  constructor(clock: () => number = () => performance.now(), sleep: (ms: number) => Promise<void> = pause) {
    this.#clock = clock;
    this.#sleep = sleep;
  }

  /** @param key equal keys share a read */
  take(key: string, read: () => Promise<string>): Promise<string> {
    const shared = this.#pending.get(key);
    if (shared !== undefined) return shared;
    const turn = this.#last.then(() => this.#read(read));
    const rest = async (): Promise<void> => {
      this.#pending.delete(key);
      await this.#sleep(this.#pauseMs);
    };
    this.#pending.set(key, turn);
    this.#last = turn.then(rest, rest);
    return turn;
  }

  async #read(read: () => Promise<string>): Promise<string> {
    this.#pauseMs = 0;
    const startedMs = this.#clock();
    if (this.#lastError !== undefined && startedMs < this.#lastError.untilMs) throw this.#lastError.error;
    try {
      const text = await read();
      this.#pauseMs = Math.min(MAX_PAUSE_MS, PAUSE_FACTOR * (this.#clock() - startedMs));
      return text;
    } catch (error) {
      this.#lastError = { error, untilMs: this.#clock() + ERROR_SHARED_MS };
      throw error;
    }
  }
}

/** A delay that does not keep the process running. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
