import { setTimeout } from 'node:timers/promises';
import { createSlots } from '../base/slots.ts';
import type { RedisClient } from './client.ts';

/**
 * KEYS[1]: when the amounts taken so far are over at this rate, in µs of Redis's clock. ARGV: amount, amount per second.
 * Returns 0 and takes the amount when that time has passed; otherwise takes nothing and returns the µs to wait.
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
 * A rate limit that all replicas share, for bytes sent or requests made. After an amount is taken, the next caller waits
 * as long as that amount takes at the rate. Waiting reserves nothing, so a caller that aborts while it waits costs the
 * others nothing.
 */
export class SharedRate {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #perSecond: number;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Only the first caller in this process asks Redis, so that each costs one or two commands. */
  readonly #turn = createSlots(1);

  /** @param key Redis key, the same on all replicas */
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

  /** Resolves when the amount is taken. Rejects when `signal` aborts first; nothing is taken then. */
  async take(amount: number, signal: AbortSignal): Promise<void> {
    const release = await this.#turn.acquire(signal);
    try {
      for (;;) {
        const us = await this.#redis.eval(TAKE, 1, this.#key, amount, this.#perSecond);
        if (us === 0) return;
        await this.#sleep(Math.ceil(Number(us) / 1000), signal);
      }
    } finally {
      release();
    }
  }
}
