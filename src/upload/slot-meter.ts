import { initialSlots, nextSlots, type SlotBounds, type SlotState, withBounds } from './slot-control.ts';

/** How a part left its slot. `overloaded`: its request timed out, or the account's quota is used up. */
export type PartEnd = { readonly bytes: number } | 'overloaded' | 'other';

/** A part in a slot. */
export interface SlotEntry {
  readonly enteredAt: number;
  /** The number of slots at its entry. */
  readonly slots: number;
  /** Changes of the number of slots before its entry. */
  readonly changes: number;
}

/** A window lasts at least this many parts per slot, and this long. */
const PARTS_PER_SLOT = 4;
const MIN_WINDOW_MS = 300;
const MIN_BRIEF_WINDOW_MS = 100;
/** On a network on which a round takes longer, there is no need to hurry, and nothing is decided by a brief window. */
const MAX_BRIEF_WINDOW_MS = 2000;
/** With fewer parts read and sent at a time per slot, the queue or the quota is the limit, and the window is discarded. */
const MIN_BUSY_SHARE = 0.7;

/**
 * Measures the throughput of parts in windows, and sets the number of slots to what sends the most. All times are
 * monotonic, in ms, and passed in, so that it can run in simulated time.
 *
 * The throughput of a window is the bytes of its parts, divided by the sum of their durations, times the average number
 * of parts in flight. Bytes divided by the window's duration would be less accurate: parts that were sent together also
 * end together, and a window may have one such round more or less than its share.
 *
 * Parts that are read count as busy, too. Where a part is sent as quickly as it is read, only half of the slots are in
 * use, and more slots still bring more, because more parts are read at a time.
 */
export class SlotMeter {
  #state: SlotState;
  #changes = 0;
  #reading = 0;
  #inFlight = 0;
  /** Sum over the window's parts of the time each was in flight, up to `#countedAt`; and of that in which it was read. */
  #inFlightMs = 0;
  #readingMs = 0;
  #countedAt = 0;
  #startedAt = 0;
  /** The first window after a change has one round: see {@link nextSlots}. */
  #brief = true;
  #bytes = 0;
  #parts = 0;
  /** Sum of the durations of these parts. */
  #durationMs = 0;

  constructor(bounds: SlotBounds) {
    this.#state = initialSlots(bounds);
  }

  /** Parts to send at a time. */
  get slots(): number {
    return this.#state.slots;
  }

  setBounds(bounds: SlotBounds, now: number): void {
    this.#setState(withBounds(this.#state, bounds), now);
  }

  /** A part is read for a slot, until {@link endReading}; then it waits for one. */
  startReading(now: number): void {
    this.#countTime(now);
    this.#reading++;
  }

  endReading(now: number): void {
    this.#countTime(now);
    this.#reading--;
  }

  enter(now: number): SlotEntry {
    this.#countTime(now);
    this.#inFlight++;
    return { enteredAt: now, slots: this.slots, changes: this.#changes };
  }

  leave(entry: SlotEntry, end: PartEnd, now: number): void {
    this.#countTime(now);
    this.#inFlight--;
    const { min, max } = this.#state.bounds;
    if (min === max) return;
    // With fewer slots than at its entry, the overload has been dealt with already.
    if (end === 'overloaded' && this.slots >= entry.slots) {
      this.#setState(nextSlots(this.#state, 'overloaded'), now);
      return;
    }
    // A part sent under another number of slots does not count.
    if (entry.changes !== this.#changes) return;
    this.#parts++;
    this.#durationMs += now - entry.enteredAt;
    if (typeof end === 'object') this.#bytes += end.bytes;
    this.#evaluateWindow(now);
  }

  #evaluateWindow(now: number): void {
    const windowMs = now - this.#startedAt;
    const { slots } = this;
    const brief = this.#brief;
    if (windowMs < (brief ? MIN_BRIEF_WINDOW_MS : MIN_WINDOW_MS)) return;
    if (this.#parts < (brief ? 1 : PARTS_PER_SLOT) * slots) return;
    const isBusy = this.#readingMs + this.#inFlightMs >= MIN_BUSY_SHARE * slots * windowMs;
    if (!isBusy || (brief && windowMs > MAX_BRIEF_WINDOW_MS)) {
      this.#startWindow(now, false);
      return;
    }
    // At least 1 ms, if all parts ended as soon as they had entered.
    const bytesPerMs = this.#bytes / Math.max(1, this.#durationMs);
    const rate = bytesPerMs * (this.#inFlightMs / windowMs);
    this.#setState(nextSlots(this.#state, { rate, brief }), now);
  }

  #setState(state: SlotState, now: number): void {
    const isChange = state.slots !== this.slots;
    this.#state = state;
    if (isChange) this.#changes++;
    this.#startWindow(now, isChange);
  }

  #startWindow(now: number, brief: boolean): void {
    this.#countTime(now);
    this.#startedAt = now;
    this.#brief = brief;
    this.#inFlightMs = 0;
    this.#readingMs = 0;
    this.#bytes = 0;
    this.#parts = 0;
    this.#durationMs = 0;
  }

  #countTime(now: number): void {
    const elapsedMs = now - this.#countedAt;
    // Time without any part is not in a window.
    if (this.#reading + this.#inFlight === 0) this.#startedAt += elapsedMs;
    this.#inFlightMs += this.#inFlight * elapsedMs;
    this.#readingMs += this.#reading * elapsedMs;
    this.#countedAt = now;
  }
}
