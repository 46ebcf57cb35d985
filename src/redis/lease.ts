import { randomBytes } from 'node:crypto';
import type { RedisClient } from './connection.ts';

/** Long enough for a slow machine and a short fail-over; whoever dies is followed after this time. */
const LEASE_MS = 8000;
const RENEW_MS = 2000;

/** Takes what is free, and renews what is one's own. */
const TAKE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * One of several processes does something, and another takes over when it is gone. A process that was frozen may still
 * believe to be the one: what must not be done twice checks {@link Lease.token} in the script that does it.
 */
export class Lease {
  readonly key: string;
  readonly token: string = randomBytes(12).toString('base64url');
  readonly #redis: RedisClient;
  #renewal: NodeJS.Timeout | undefined;
  #released = false;

  constructor(redis: RedisClient, key: string) {
    this.#redis = redis;
    this.key = key;
  }

  /** @returns whether this process is the one, which it then stays until {@link release}, as long as Redis is told */
  async take(): Promise<boolean> {
    const taken = (await this.#redis.eval(TAKE, 1, this.key, this.token, LEASE_MS)) === 1;
    clearInterval(this.#renewal);
    // A renewal that was on its way while it was released must not be followed by others.
    if (taken && !this.#released)
      this.#renewal = setInterval(() => void this.take().catch(() => {}), RENEW_MS).unref();
    return taken;
  }

  /** For good. */
  async release(): Promise<void> {
    this.#released = true;
    clearInterval(this.#renewal);
    await this.#redis.eval(RELEASE, 1, this.key, this.token);
  }
}
