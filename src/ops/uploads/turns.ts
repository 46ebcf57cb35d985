/** Between two readings nobody waits longer than this, however long they take. */
const LONGEST_REST_MS = 20_000;
/** All viewers together keep Redis and this process busy for one part in so many of the time. */
const REST_FACTOR = 20;
/** So long a reading that failed is the answer to everybody else's as well. */
const TROUBLE_MS = 1000;

/**
 * Shares reading among viewers: one at a time, the same for all who look at the same, and after each a rest of twenty
 * times what it took. So, however many look on, and at however much, they can't load Redis.
 */
export class Turns {
  readonly #clock: () => number;
  readonly #sleep: (ms: number) => Promise<void>;
  readonly #pending = new Map<string, Promise<string>>();
  #last: Promise<void> = Promise.resolve();
  #restMs = 0;
  #trouble: { readonly error: unknown; readonly untilMs: number } | undefined;

  constructor(clock: () => number = () => performance.now(), sleep: (ms: number) => Promise<void> = pause) {
    this.#clock = clock;
    this.#sleep = sleep;
  }

  /** @param key the same for what reads the same */
  take(key: string, read: () => Promise<string>): Promise<string> {
    const shared = this.#pending.get(key);
    if (shared !== undefined) return shared;
    const turn = this.#last.then(() => this.#read(read));
    const rest = async (): Promise<void> => {
      this.#pending.delete(key);
      await this.#sleep(this.#restMs);
    };
    this.#pending.set(key, turn);
    this.#last = turn.then(rest, rest);
    return turn;
  }

  async #read(read: () => Promise<string>): Promise<string> {
    this.#restMs = 0;
    const startedMs = this.#clock();
    if (this.#trouble !== undefined && startedMs < this.#trouble.untilMs) throw this.#trouble.error;
    try {
      const text = await read();
      this.#restMs = Math.min(LONGEST_REST_MS, REST_FACTOR * (this.#clock() - startedMs));
      return text;
    } catch (error) {
      this.#trouble = { error, untilMs: this.#clock() + TROUBLE_MS };
      throw error;
    }
  }
}

/** A wait that keeps no process from ending. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
