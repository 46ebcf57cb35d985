import { setTimeout } from 'node:timers/promises';
import { createSlots } from '../base/slots.ts';
import { type Sleep, WakeableSleep } from '../base/wakeable-sleep.ts';
import type { RedisClient } from './client.ts';

/**
 * KEYS[1]: when the amounts taken so far are over at this rate, in µs of Redis's clock. ARGV: amount, the largest amount
 * that is ever taken, amount per second. Returns 0 and takes the amount when that time has passed; otherwise takes nothing
 * and returns the µs to wait. No amount lasts longer than the largest one does at this rate: one that lasts longer was
 * taken at another rate, or Redis's clock was set back.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local busy = tonumber(redis.call('GET', KEYS[1]) or 0)
local left = math.min(busy - now, math.ceil(ARGV[2] * 1000000 / ARGV[3]))
if left > 0 then
  if now + left < busy then
    redis.call('SET', KEYS[1], string.format('%.0f', now + left), 'PX', math.ceil(left / 1000) + 1)
  end
  return left
end
local took = math.ceil(ARGV[1] * 1000000 / ARGV[3])
redis.call('SET', KEYS[1], string.format('%.0f', now + took), 'PX', math.ceil(took / 1000) + 1)
return 0`;

export interface SharedRateOptions {
  /** Redis key, the same on all replicas. */
  readonly key: string;
  /** Infinity: no limit. */
  readonly perSecond: number;
  /** The largest amount that is taken at once, the same on all replicas. */
  readonly largest: number;
  /** Default: real time. */
  readonly sleep?: Sleep;
}

/**
 * A rate limit that all replicas share. After an amount is taken, the next caller waits as long as that amount takes at
 * the rate. Waiting reserves nothing, so a caller that aborts while it waits costs the others nothing. While replicas
 * have different rates, each waits at its own.
 */
export class SharedRate {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #largest: number;
  readonly #timer: WakeableSleep;
  #perSecond: number;
  /** Only the first caller in this process asks Redis, so that each costs one or two commands. */
  readonly #turn = createSlots(1);

  constructor(redis: RedisClient, options: SharedRateOptions) {
    const { sleep = (ms, signal) => setTimeout(ms, undefined, { signal }) } = options;
    this.#redis = redis;
    this.#key = options.key;
    this.#largest = options.largest;
    this.#perSecond = options.perSecond;
    this.#timer = new WakeableSleep(sleep);
  }

  /** Callers that wait now continue at the new rate. @param perSecond Infinity: no limit */
  setRate(perSecond: number): void {
    this.#perSecond = perSecond;
    this.#timer.wake();
  }

  /** Resolves when the amount is taken. Rejects when `signal` aborts first; nothing is taken then. */
  async take(amount: number, signal: AbortSignal): Promise<void> {
    if (!this.#isLimited) return;
    const release = await this.#turn.acquire(signal);
    try {
      while (this.#isLimited) {
        const perSecond = this.#perSecond;
        const us = await this.#redis.eval(TAKE, 1, this.#key, amount, this.#largest, perSecond);
        if (us === 0) return;
        if (perSecond === this.#perSecond) await this.#timer.sleep(Math.ceil(Number(us) / 1000), signal);
      }
    } finally {
      release();
    }
  }

  get #isLimited(): boolean {
    return Number.isFinite(this.#perSecond);
  }
}
