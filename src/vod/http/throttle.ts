import { setTimeout } from 'node:timers/promises';

/** Resolves when this many bytes may be sent. Rejects when `signal` aborts first. */
export type Throttle = (bytes: number, signal?: AbortSignal) => Promise<void>;

/** Unused time up to this is credited, which makes up for late timers; any more is lost. */
const MAX_CREDIT_MS = 50;

/** Spreads bytes over time at a fixed rate, in the order of the calls. Time is passed in. */
export class ByteSchedule {
  readonly #bytesPerSecond: number;
  #freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** @returns how long to wait before sending these bytes, in ms; they count as sent */
  delayMs(bytes: number, nowMs: number): number {
    const atMs = Math.max(this.#freeAtMs, nowMs - MAX_CREDIT_MS);
    this.#freeAtMs = atMs + (bytes * 1000) / this.#bytesPerSecond;
    return Math.max(0, atMs - nowMs);
  }
}

/** A clock, replaceable in tests. */
export interface Time {
  /** Monotonic, in ms. */
  now(): number;
  /** Resolves after `ms`. Rejects when `signal` aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const REAL_TIME: Time = {
  now: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, signal && { signal }),
};

/** A throttle for all bodies that share a cap: first come, first served, piece by piece. */
export function createThrottle(bytesPerSecond: number, { now, sleep }: Time = REAL_TIME): Throttle {
  const schedule = new ByteSchedule(bytesPerSecond);
  return async (bytes, signal) => {
    const ms = schedule.delayMs(bytes, now());
    // Timers have whole milliseconds; the credit makes up for the rest.
    if (ms >= 1) await sleep(ms, signal);
  };
}
