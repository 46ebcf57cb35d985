import { createSlots, type Slots } from '../src/base/slots.ts';
import type { Logger } from '../src/process/log.ts';
import {
  initialSlots,
  nextSlots,
  type SlotBounds,
  type SlotState,
  type Window,
} from '../src/upload/slot-control.ts';

/** How a part left its slot. `strained`: its request timed out, or VOD said that the account's quota is used up. */
export type PartEnd = { readonly bytes: number } | 'strained' | 'other';

/** A window is as long as so many parts one after the other, and at least this long. */
const PARTS_IN_A_ROW = 4;
const SHORTEST_WINDOW_MS = 300;
const FEW_SLOTS = 4;
/** With less of the slots in use the queue, or the account's quota, is what binds: such a window says nothing. */
const LEAST_BUSY = 0.7;

/**
 * The slots that the parts of this process are sent in: follows them, and sets how many there may be at a time by what
 * they get through. A few more parts than there are slots are read ahead, so that a slot that falls free has its next
 * part at once: what lies between two parts, reading, MD5 and Redis, is then nobody's waiting time.
 */
export class PartSlots {
  readonly #fixed: boolean;
  readonly #log: Logger;
  readonly #slots: Slots;
  readonly #clock: () => number;
  #state: SlotState;
  #apply: (slots: PartSlots) => void = () => {};
  #inFlight = 0;
  /** Sum over the window's slots of the time that each was in use, up to `#countedAt`. */
  #busyMs = 0;
  #countedAt = 0;
  #startedAt = 0;
  #bytes = 0;
  #parts = 0;
  /** Parts that were at work when the number changed; the window begins when as many have ended. */
  #settling = 0;
  #logged: number;

  /** @param clock milliseconds that never go back */
  constructor(bounds: SlotBounds, log: Logger, clock = () => performance.now()) {
    this.#state = initialSlots(bounds);
    this.#fixed = bounds.min === bounds.max;
    this.#log = log;
    this.#clock = clock;
    this.#slots = createSlots(this.slots);
    this.#logged = this.slots;
  }

  /** Parts that are sent at a time. */
  get slots(): number {
    return this.#state.slots;
  }

  /** Jobs at a time: those of the slots, and those that are read ahead. Who wants a few parts at a time gets no more. */
  get jobs(): number {
    return this.slots < FEW_SLOTS ? this.slots : this.slots + 1 + Math.floor(this.slots / 8);
  }

  /** @param apply called with the slots at once, and whenever their number changes */
  start(apply: (slots: PartSlots) => void): void {
    this.#apply = apply;
    apply(this);
  }

  /**
   * Waits for a slot.
   * @returns what gives it back, told how the part left it, and says whether there are fewer now than there were for it
   * @throws the signal's reason
   */
  async enter(signal: AbortSignal): Promise<(end: PartEnd) => boolean> {
    const release = await this.#slots.acquire(signal);
    this.#count(this.#clock());
    this.#inFlight++;
    const came = this.slots;
    return (end) => {
      const before = this.slots;
      // First the number, which may have become another, and then who comes next.
      this.#ended(end, came);
      release();
      return this.slots < Math.max(came, before);
    };
  }

  /** @param came the slots that there were when the part got one */
  #ended(end: PartEnd, came: number): void {
    const now = this.#clock();
    this.#count(now);
    this.#inFlight--;
    if (this.#fixed) return;
    // Where there are fewer since it came, what strained it is seen to.
    if (end === 'strained' && this.slots >= came) {
      this.#change(now, 'overloaded');
      return;
    }
    if (this.#settling > 0) {
      // Those that were at work under the old number say nothing of this one.
      if (--this.#settling === 0) this.#open(now);
      return;
    }
    this.#parts++;
    if (typeof end === 'object') this.#bytes += end.bytes;
    const windowMs = now - this.#startedAt;
    const { slots } = this;
    if (windowMs < SHORTEST_WINDOW_MS || this.#parts < PARTS_IN_A_ROW * slots) return;
    const isBusy = this.#busyMs >= LEAST_BUSY * slots * windowMs;
    if (!isBusy) this.#open(now);
    else this.#change(now, { rate: this.#bytes / windowMs });
  }

  #change(now: number, window: Window): void {
    const before = this.slots;
    this.#state = nextSlots(this.#state, window);
    const { slots } = this;
    this.#open(now);
    if (slots === before) return;
    this.#settling = Math.max(this.#inFlight, slots);
    this.#slots.limit = slots;
    this.#apply(this);
    if (slots < 1.5 * this.#logged && this.#logged < 1.5 * slots) return;
    this.#log.debug({ stage: 'part', slots, before: this.#logged }, 'part slots changed');
    this.#logged = slots;
  }

  #open(now: number): void {
    this.#startedAt = now;
    this.#busyMs = 0;
    this.#bytes = 0;
    this.#parts = 0;
  }

  #count(now: number): void {
    this.#busyMs += this.#inFlight * (now - this.#countedAt);
    this.#countedAt = now;
  }
}
