import { setTimeout } from 'node:timers/promises';
import { createSlots } from '../base/slots.ts';
import type { RedisClient } from './connection.ts';

/**
 * KEYS[1]: until when, in µs of Redis's clock, what was let through takes at the rate. ARGV: amount, amount per second.
 * Returns 0 and counts the amount when that is over; else, and without counting, how long it lasts, in µs.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local busy = tonumber(redis.call('GET', KEYS[1]) or 0)
if busy > now then return busy - now end
local took = math.ceil(ARGV[1] * 1000000 / ARGV[2])
redis.call('SET', KEYS[1], string.format('%.0f', now + took), 'PX', math.ceil(took / 1000) + 1)
return 0`;

/**
 * A cap on what all replicas together do: bytes that they send, requests that they make. Each begins so long after the
 * one before that this one's amount takes that long at the rate. What one waits for is never owed to it, so one that is
 * aborted while it waits costs the others nothing.
 */
export class SharedRate {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #perSecond: number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Only the first in line asks Redis, so that waiting costs a command or two each. */
  readonly #line = createSlots(1);

  /** @param key in Redis, the same on all replicas */
  constructor(
    redis: RedisClient,
    key: string,
    perSecond: number,
    sleep = (ms: number, signal: AbortSignal): Promise<void> => setTimeout(ms, undefined, { signal }),
  ) {
    this.#redis = redis;
    this.#key = key;
    this.#perSecond = perSecond;
    this.#sleep = sleep;
  }

  /** Resolves when so much may be done. Rejects when `signal` aborts first: then it doesn't count. */
  async take(amount: number, signal: AbortSignal): Promise<void> {
    const leave = await this.#line.acquire(signal);
    try {
      for (;;) {
        const us = await this.#redis.eval(TAKE, 1, this.#key, amount, this.#perSecond);
        if (us === 0) return;
        await this.#sleep(Math.ceil(Number(us) / 1000), signal);
      }
    } finally {
      leave();
    }
  }
}
