import { setTimeout } from 'node:timers/promises';
import { createSlots } from '../vod/slots.ts';
import type { RedisClient } from './connection.ts';

/**
 * KEYS[1]: until when, in µs of Redis's clock, what was let through takes at the cap. ARGV: bytes, bytes per second.
 * Returns 0 and counts the bytes when that is over; else, and without counting, how long it lasts, in µs.
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
 * A cap on what all replicas together send: parts begin so far apart that their bytes take that long at the cap. What
 * one part waits for is never owed to it, so a part that is aborted while it waits costs the others nothing.
 */
export class Bandwidth {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #bytesPerSecond: number;
  /** Only the first in line asks Redis, so that waiting costs a command or two a part. */
  readonly #line = createSlots(1);

  constructor(redis: RedisClient, prefix: string, bytesPerSecond: number) {
    this.#redis = redis;
    this.#key = `${prefix}:bandwidth`;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Resolves when so many bytes may be sent. Rejects when `signal` aborts first: then they don't count. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const leave = await this.#line.acquire(signal);
    try {
      for (;;) {
        const us = await this.#redis.eval(TAKE, 1, this.#key, bytes, this.#bytesPerSecond);
        if (us === 0) return;
        await setTimeout(Math.ceil(Number(us) / 1000), undefined, { signal });
      }
    } finally {
      leave();
    }
  }
}
