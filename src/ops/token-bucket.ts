/** A rate limit: `perSecond` on average, and up to `burst` at once. No I/O; the clock is injected. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #refilledAt: number;

  /** @param options.now in ms, monotonic; default `performance.now` */
  constructor(options: { readonly perSecond: number; readonly burst: number; readonly now?: () => number }) {
    const { perSecond, burst, now = () => performance.now() } = options;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#refilledAt = now();
  }

  /** Takes a token. @returns whether there was one */
  take(): boolean {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#refilledAt) * this.#perSecond) / 1000);
    this.#refilledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
