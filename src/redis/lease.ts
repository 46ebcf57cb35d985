import { randomBytes } from 'node:crypto';
import type { RedisClient } from './client.ts';

/** Long enough for a slow machine and a short failover; another process can take over a crashed one's lease after it. */
const LEASE_MS = 8000;
const RENEW_MS = 2000;

/** Acquires a free lease, or renews one's own. */
const ACQUIRE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * Lets one of several processes do something; another can take over when it is gone. A process that was suspended may
 * still believe that it holds the lease, so a script whose effect must not happen twice checks {@link Lease.token}.
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

  /** @returns whether this process holds the lease; it is then renewed until {@link release} */
  async acquire(): Promise<boolean> {
    const acquired = (await this.#redis.eval(ACQUIRE, 1, this.key, this.token, LEASE_MS)) === 1;
    clearInterval(this.#renewal);
    // A renewal that was in flight during release() must not start another timer.
    if (acquired && !this.#released)
      this.#renewal = setInterval(() => void this.acquire().catch(() => {}), RENEW_MS).unref();
    return acquired;
  }

  /** Releases the lease for good. */
  async release(): Promise<void> {
    this.#released = true;
    clearInterval(this.#renewal);
    await this.#redis.eval(RELEASE, 1, this.key, this.token);
  }
}
