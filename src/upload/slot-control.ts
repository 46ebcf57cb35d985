/**
 * slots: parts that a process sends at a time.
 * window: a stretch of time with all slots busy and their number unchanged.
 * trial: a window with another number of slots, to be compared with the one before.
 */

/** How many slots there may be; equal: fixed. */
export interface SlotBounds {
  readonly min: number;
  readonly max: number;
}

/** Where it begins, when the bounds allow it. */
const FIRST_SLOTS = 8;
/** While doubling; and afterwards. */
const STRIDE = 2;
const STEP = 1.25;
/** More slots stay when they bring this share of what as many more would bring at best. */
const WORTH = 0.1;
/** Fewer slots stay when they keep this share of the throughput. */
const KEPT = 0.98;
/** What time-outs and quota answers leave. */
const STRAINED = 0.7;
/** A throughput that differs so much by itself is another link: what was known of it is void. */
const DRIFT = 1.3;
/** Windows between trials: doubled with each that was in vain. */
const SHORTEST_REST = 2;
const LONGEST_REST = 16;

/**
 * Finds the number of slots beyond which throughput no longer grows. Begins by doubling, goes on by small steps up and
 * down in turns, and asks less often the longer nothing changes. Knows neither clock nor parts: whoever measures tells
 * of each window, and gives the slots the number that is there afterwards.
 */
export class SlotControl {
  readonly #bounds: SlotBounds;
  #slots: number;
  /** What is known to be good, with its throughput once that is measured. */
  #base: { readonly slots: number; readonly rate: number | undefined };
  #up = true;
  #stride = STRIDE;
  #rest = SHORTEST_REST;
  #resting = 0;

  constructor(bounds: SlotBounds) {
    this.#bounds = bounds;
    this.#slots = Math.min(Math.max(FIRST_SLOTS, bounds.min), bounds.max);
    this.#base = { slots: this.#slots, rate: undefined };
  }

  get slots(): number {
    return this.#slots;
  }

  /** A window had this throughput, in any unit that stays the same. */
  measured(rate: number): void {
    const { slots, rate: known } = this.#base;
    if (this.#slots !== slots && known !== undefined) {
      const wanted = this.#slots > slots ? 1 + WORTH * (this.#slots / slots - 1) : KEPT;
      if (rate >= known * wanted) this.#keep(rate);
      else this.#undo();
      return;
    }
    if (known !== undefined && (rate > known * DRIFT || rate * DRIFT < known)) {
      this.#up = true;
      this.#stride = STRIDE;
      this.#rest = SHORTEST_REST;
      this.#resting = 0;
    }
    this.#base = { slots: this.#slots, rate };
    if (this.#resting > 0) this.#resting--;
    else this.#try();
  }

  /** Requests timed out, or the account's quota was used up. */
  strained(): void {
    this.#slots = this.#bounded(Math.floor(Math.min(this.#slots, this.#base.slots) * STRAINED));
    this.#base = { slots: this.#slots, rate: undefined };
    this.#up = true;
    this.#stride = STEP;
    this.#rest = SHORTEST_REST;
    this.#resting = SHORTEST_REST;
  }

  #keep(rate: number): void {
    this.#base = { slots: this.#slots, rate };
    this.#rest = SHORTEST_REST;
    this.#try();
  }

  #undo(): void {
    this.#slots = this.#base.slots;
    // After doubling, what lies between comes first.
    if (this.#stride === STEP) this.#up = !this.#up;
    this.#stride = STEP;
    this.#resting = this.#rest;
    this.#rest = Math.min(2 * this.#rest, LONGEST_REST);
  }

  #try(): void {
    const { min, max } = this.#bounds;
    if (this.#slots >= max) this.#up = false;
    else if (this.#slots <= min) this.#up = true;
    if (!this.#up) this.#stride = STEP;
    const next = this.#up ? Math.ceil(this.#slots * this.#stride) : Math.floor(this.#slots / this.#stride);
    // At the end of the way up the next trial is one down: not without a rest.
    if (!this.#up && this.#base.slots >= max && this.#resting === 0 && this.#rest === SHORTEST_REST) {
      this.#resting = this.#rest;
      this.#rest *= 2;
      return;
    }
    this.#slots = this.#bounded(next);
  }

  #bounded(slots: number): number {
    return Math.min(Math.max(slots, this.#bounds.min), this.#bounds.max);
  }
}
