import { setTimeout } from 'node:timers/promises';
import { createSlots } from '../../base/slots.ts';
import { type Sleep, WakeableSleep } from '../../base/wakeable-sleep.ts';

/** Unused time up to this is credited, which makes up for late timers; any more is lost. */
const MAX_CREDIT_MS = 50;

/** Spreads bytes over time at a rate. Time is passed in, in ms. */
export class ByteSchedule {
  #bytesPerSecond: number;
  #freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** How long to wait before bytes may be sent. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#freeAtMs - nowMs);
  }

  /** These bytes are sent. */
  add(bytes: number, nowMs: number): void {
    const atMs = Math.max(this.#freeAtMs, nowMs - MAX_CREDIT_MS);
    this.#freeAtMs = atMs + (bytes * 1000) / this.#bytesPerSecond;
  }

  /** The bytes that were sent too early count at the new rate. */
  setRate(bytesPerSecond: number, nowMs: number): void {
    const aheadMs = this.waitMs(nowMs);
    if (aheadMs > 0) this.#freeAtMs = nowMs + (aheadMs * this.#bytesPerSecond) / bytesPerSecond;
    this.#bytesPerSecond = bytesPerSecond;
  }
}

/** A clock, replaceable in tests. */
export interface Time {
  /** Monotonic, in ms. */
  now(): number;
  readonly sleep: Sleep;
}

const REAL_TIME: Time = {
  now: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, { signal }),
};

/** A bandwidth limit of all bodies together: first come, first served, piece by piece. It can change at any moment. */
export class Throttle {
  readonly #time: Time;
  readonly #schedule: ByteSchedule;
  readonly #timer: WakeableSleep;
  readonly #turn = createSlots(1);
  #isLimited: boolean;

  /** @param bytesPerSecond Infinity: no limit */
  constructor(bytesPerSecond: number, time: Time = REAL_TIME) {
    this.#time = time;
    this.#schedule = new ByteSchedule(bytesPerSecond);
    this.#timer = new WakeableSleep(time.sleep);
    this.#isLimited = Number.isFinite(bytesPerSecond);
  }

  get isLimited(): boolean {
    return this.#isLimited;
  }

  /** Pieces that wait now are sent at the new rate, too. @param bytesPerSecond Infinity: no limit */
  setRate(bytesPerSecond: number): void {
    this.#schedule.setRate(bytesPerSecond, this.#time.now());
    this.#isLimited = Number.isFinite(bytesPerSecond);
    this.#timer.wake();
  }

  /** Resolves when this many bytes may be sent. Rejects when `signal` aborts first; they count as not sent then. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    const release = await this.#turn.acquire(signal);
    try {
      for (;;) {
        const ms = this.#schedule.waitMs(this.#time.now());
        // Timers have whole milliseconds; the credit makes up for the rest.
        if (ms < 1) break;
        await this.#timer.sleep(ms, signal);
      }
      this.#schedule.add(bytes, this.#time.now());
    } finally {
      release();
    }
  }
}
