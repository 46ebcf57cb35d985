import { createSlots, type Slots } from '../src/base/slots.ts';
import type { Logger } from '../src/process/log.ts';
import type { SlotBounds } from '../src/upload/slot-control.ts';
import { type PartEnd, SlotMeter } from '../src/upload/slot-meter.ts';

/** Below this many slots no parts are read ahead. */
const MIN_SLOTS_TO_READ_AHEAD = 4;

/**
 * Slots that the parts of this process are sent in, as many as send the most. A few more parts than slots are read
 * ahead, so that a free slot has its next part at once and does not wait for disk, MD5 and Redis.
 */
export class PartSlots {
  readonly #log: Logger;
  readonly #slots: Slots;
  readonly #clock: () => number;
  readonly #meter: SlotMeter;
  #apply: (slots: PartSlots) => void = () => {};
  /** The last number of slots that was applied, and that was logged. */
  #applied: number;
  #logged: number;

  /** @param clock monotonic, in ms */
  constructor(bounds: SlotBounds, log: Logger, clock = () => performance.now()) {
    this.#log = log;
    this.#clock = clock;
    this.#meter = new SlotMeter(bounds);
    this.#slots = createSlots(this.slots);
    this.#applied = this.slots;
    this.#logged = this.slots;
  }

  /** Parts sent at a time. */
  get slots(): number {
    return this.#meter.slots;
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
    this.#meter.setBounds(bounds, this.#clock());
    this.#applySlots();
  }

  /** Runs `read`, which reads a part that then enters a slot. */
  async reading<T>(read: () => Promise<T>): Promise<T> {
    this.#meter.startReading(this.#clock());
    try {
      return await read();
    } finally {
      this.#meter.endReading(this.#clock());
    }
  }

  /**
   * Waits for a slot.
   * @returns releases the slot; it returns whether there are fewer slots now than when the part entered
   * @throws the signal's reason
   */
  async enter(signal: AbortSignal): Promise<(end: PartEnd) => boolean> {
    const release = await this.#slots.acquire(signal);
    const entry = this.#meter.enter(this.#clock());
    return (end) => {
      const before = this.slots;
      this.#meter.leave(entry, end, this.#clock());
      // Before the release, which lets in as many as the new number allows.
      this.#applySlots();
      release();
      return this.slots < Math.max(entry.slots, before);
    };
  }

  #applySlots(): void {
    const { slots } = this;
    if (slots === this.#applied) return;
    this.#applied = slots;
    this.#slots.limit = slots;
    this.#apply(this);
    if (slots < 1.5 * this.#logged && this.#logged < 1.5 * slots) return;
    this.#log.debug({ stage: 'part', slots, before: this.#logged }, 'part slots changed');
    this.#logged = slots;
  }
}
