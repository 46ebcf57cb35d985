/** Counts and limits of requests per sliding window, for each action. */

/** Times within the last `windowMs`. A moving head index avoids shifting the array. */
class SlidingWindow {
  readonly #windowMs: number;
  #times: number[] = [];
  #head = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** A time exactly one window ago no longer counts. */
  countAt(nowMs: number): number {
    const { length } = this.#times;
    while (this.#head < length && (this.#times[this.#head] ?? 0) <= nowMs - this.#windowMs) this.#head += 1;
    if (this.#head > 4096 && this.#head > length / 2) {
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
    return this.#times.length - this.#head;
  }

  add(nowMs: number): void {
    this.#times.push(nowMs);
  }
}

export class RequestWindows<Action extends string> {
  readonly #actions: readonly Action[];
  readonly #clock: () => number;
  readonly #arrived: Record<Action, SlidingWindow>;
  readonly #admitted: Record<Action, SlidingWindow>;
  #peaks: Record<Action, number>;
  #refusals: Record<Action, number>;

  /** @param clock in ms */
  constructor(actions: readonly Action[], windowMs: number, clock: () => number) {
    const windows = () => this.#forEach(() => new SlidingWindow(windowMs));
    this.#actions = actions;
    this.#clock = clock;
    this.#arrived = windows();
    this.#admitted = windows();
    this.#peaks = this.#forEach(() => 0);
    this.#refusals = this.#forEach(() => 0);
  }

  /** Counts a request for the peaks, even if it is refused later. */
  arrive(action: Action): void {
    const now = this.#clock();
    this.#arrived[action].add(now);
    this.#peaks[action] = Math.max(this.#peaks[action], this.#arrived[action].countAt(now));
  }

  /**
   * @param limit requests per window; 0: no limit
   * @returns false when the limit is reached; a refused request does not count towards it
   */
  admits(action: Action, limit: number): boolean {
    if (limit <= 0) return true;
    const now = this.#clock();
    if (this.#admitted[action].countAt(now) >= limit) {
      this.#refusals[action] += 1;
      return false;
    }
    this.#admitted[action].add(now);
    return true;
  }

  /** Highest number of requests in any window, by action, refused ones included. */
  get peaks(): Readonly<Record<Action, number>> {
    return { ...this.#peaks };
  }

  get refusals(): Readonly<Record<Action, number>> {
    return { ...this.#refusals };
  }

  resetCounts(): void {
    this.#peaks = this.#forEach(() => 0);
    this.#refusals = this.#forEach(() => 0);
  }

  #forEach<T>(make: () => T): Record<Action, T> {
    return Object.fromEntries(this.#actions.map((action) => [action, make()])) as Record<Action, T>;
  }
}
