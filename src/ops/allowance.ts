/** So many a second on the average, and more at once after a pause. Pure but for its clock. */
export class Allowance {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  #left: number;
  #asOf: number;

  /** @param options.now in ms; default the process's own clock */
  constructor(options: { readonly perSecond: number; readonly burst: number; readonly now?: () => number }) {
    const { perSecond, burst, now = () => performance.now() } = options;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#left = burst;
    this.#asOf = now();
  }

  /** @returns whether one more is allowed; it counts then */
  take(): boolean {
    const now = this.#now();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#asOf) * this.#perSecond) / 1000);
    this.#asOf = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
