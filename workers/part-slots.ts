import { createSlots, type Slots } from '../src/base/slots.ts';
import type { Logger } from '../src/process/log.ts';
import {
  initialSlots,
  nextSlots,
  type SlotBounds,
  type SlotState,
  type Window,
  withBounds,
} from '../src/upload/slot-control.ts';

/** How a part left its slot. `overloaded`: its request timed out, or the account's quota is used up. */
export type PartEnd = { readonly bytes: number } | 'overloaded' | 'other';

/** A measurement window lasts at least this many parts per slot, and this long. */
const PARTS_PER_SLOT = 4;
const MIN_WINDOW_MS = 300;
/** Below this many slots no parts are read ahead. */
const MIN_SLOTS_TO_READ_AHEAD = 4;
/** With a smaller share of the slots in use, the queue or the quota is the limit, and the window is discarded. */
const MIN_BUSY_SHARE = 0.7;

/**
 * Slots that the parts of this process are sent in. Measures the throughput in windows, and sets the number of slots to
 * what sends the most. A few more parts than slots are read ahead, so that a free slot has its next part at once and
 * does not wait for disk, MD5 and Redis.
 */
export class PartSlots {
  readonly #log: Logger;
  readonly #slots: Slots;
  readonly #clock: () => number;
  #state: SlotState;
  #apply: (slots: PartSlots) => void = () => {};
  #inFlight = 0;
  /** Sum over the window's slots of the time each was in use, up to `#countedAt`. */
  #busyMs = 0;
  #countedAt = 0;
  #startedAt = 0;
  #bytes = 0;
  #parts = 0;
  /** Parts still to end after a change, before the next window starts: those sent under the old number don't count. */
  #settling = 0;
  /** The last number of slots that was logged. */
  #logged: number;

  /** @param clock monotonic, in ms */
  constructor(bounds: SlotBounds, log: Logger, clock = () => performance.now()) {
    this.#state = initialSlots(bounds);
    this.#log = log;
    this.#clock = clock;
    this.#slots = createSlots(this.slots);
    this.#logged = this.slots;
  }

  /** Parts sent at a time. */
  get slots(): number {
    return this.#state.slots;
  }

  /** Concurrency of the worker: the slots, and the parts read ahead. */
  get jobs(): number {
    return this.slots < MIN_SLOTS_TO_READ_AHEAD ? this.slots : this.slots + 1 + Math.floor(this.slots / 8);
  }

  /** @param apply called at once, and whenever the number of slots changes */
  start(apply: (slots: PartSlots) => void): void {
    this.#apply = apply;
    apply(this);
  }

  /** Parts in flight that no longer fit continue; their slots are not given again. */
  setBounds(bounds: SlotBounds): void {
    const now = this.#clock();
    this.#countBusy(now);
    this.#setState(now, withBounds(this.#state, bounds));
  }

  /**
   * Waits for a slot.
   * @returns releases the slot; it returns whether there are fewer slots now than when the part entered
   * @throws the signal's reason
   */
  async enter(signal: AbortSignal): Promise<(end: PartEnd) => boolean> {
    const release = await this.#slots.acquire(signal);
    this.#countBusy(this.#clock());
    this.#inFlight++;
    const slotsAtEntry = this.slots;
    return (end) => {
      const before = this.slots;
      // Before the release, which lets in as many as the new number allows.
      this.#ended(end, slotsAtEntry);
      release();
      return this.slots < Math.max(slotsAtEntry, before);
    };
  }

  #ended(end: PartEnd, slotsAtEntry: number): void {
    const now = this.#clock();
    this.#countBusy(now);
    this.#inFlight--;
    if (this.#isFixed) return;
    // With fewer slots than at its entry, the overload has been dealt with already.
    if (end === 'overloaded' && this.slots >= slotsAtEntry) {
      this.#change(now, 'overloaded');
      return;
    }
    if (this.#settling > 0) {
      if (--this.#settling === 0) this.#startWindow(now);
      return;
    }
    this.#parts++;
    if (typeof end === 'object') this.#bytes += end.bytes;
    this.#evaluateWindow(now);
  }

  #evaluateWindow(now: number): void {
    const windowMs = now - this.#startedAt;
    const { slots } = this;
    if (windowMs < MIN_WINDOW_MS || this.#parts < PARTS_PER_SLOT * slots) return;
    const isBusy = this.#busyMs >= MIN_BUSY_SHARE * slots * windowMs;
    if (!isBusy) this.#startWindow(now);
    else this.#change(now, { rate: this.#bytes / windowMs });
  }

  get #isFixed(): boolean {
    const { min, max } = this.#state.bounds;
    return min === max;
  }

  #change(now: number, window: Window): void {
    this.#setState(now, nextSlots(this.#state, window));
  }

  #setState(now: number, state: SlotState): void {
    const before = this.slots;
    this.#state = state;
    const { slots } = this;
    this.#startWindow(now);
    if (slots === before) return;
    this.#settling = Math.max(this.#inFlight, slots);
    this.#slots.limit = slots;
    this.#apply(this);
    if (slots < 1.5 * this.#logged && this.#logged < 1.5 * slots) return;
    this.#log.debug({ stage: 'part', slots, before: this.#logged }, 'part slots changed');
    this.#logged = slots;
  }

  #startWindow(now: number): void {
    this.#startedAt = now;
    this.#busyMs = 0;
    this.#bytes = 0;
    this.#parts = 0;
  }

  #countBusy(now: number): void {
    this.#busyMs += this.#inFlight * (now - this.#countedAt);
    this.#countedAt = now;
  }
}
