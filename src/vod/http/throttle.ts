import { setTimeout } from 'node:timers/promises';

/** Resolves when so many bytes may be sent. Rejects when `signal` aborts first. */
export type Throttle = (bytes: number, signal?: AbortSignal) => Promise<void>;

/** A late timer is made up for when it was no later than this; what was left unused before is lost. */
const MOST_CREDIT_MS = 50;

/** Bytes over time, whoever sends them: each has its moment after all that came before. Pure but for what it remembers. */
export class ByteSchedule {
  readonly #bytesPerSecond: number;
  #freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** @returns how long to wait from now until these bytes may be sent, in ms; they are counted as sent then */
  delayMs(bytes: number, nowMs: number): number {
    const atMs = Math.max(this.#freeAtMs, nowMs - MOST_CREDIT_MS);
    this.#freeAtMs = atMs + (bytes * 1000) / this.#bytesPerSecond;
    return Math.max(0, atMs - nowMs);
  }
}

/** Where time comes from. */
export interface Time {
  /** Milliseconds that never go back. */
  now(): number;
  /** Resolves when so many milliseconds have passed. Rejects when `signal` aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const REAL_TIME: Time = {
  now: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, signal && { signal }),
};

/** One for all that share the cap: first come, first served, piece by piece. */
export function createThrottle(bytesPerSecond: number, { now, sleep }: Time = REAL_TIME): Throttle {
  const schedule = new ByteSchedule(bytesPerSecond);
  return async (bytes, signal) => {
    const ms = schedule.delayMs(bytes, now());
    // Timers know whole milliseconds, and the credit evens it out.
    if (ms >= 1) await sleep(ms, signal);
  };
}
