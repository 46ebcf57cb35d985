import { randomBytes } from 'node:crypto';
import type { RedisClient } from '../redis/connection.ts';

/** A process that is answered writes that down this often at most. */
const WRITE_MS = 1000;

/** Who was answered longer ago is forgotten. */
const KEEP_MS = 600_000;

/** How long a question stands. */
const QUESTION_MS = 2500;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** KEYS[1]: processes by when each was last answered, by Redis's clock: those of machines may be wrong. ARGV: id, ms. */
const WRITE = `${NOW}
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Returns how long ago another process than ARGV[1] was answered, in ms; -1: none was. */
const READ = `${NOW}
local latest = redis.call('ZREVRANGE', KEYS[1], 0, 1, 'WITHSCORES')
for index = 1, #latest, 2 do
  if latest[index] ~= ARGV[1] then return now - latest[index + 1] end
end
return -1`;

/**
 * What processes know of each other: who was answered by a host of VOD, and when. One whose requests fail asks; whoever
 * has not been answered of late then sends a request to find out.
 */
export class Peers {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #id = randomBytes(9).toString('base64url');
  #wroteAt = Number.NEGATIVE_INFINITY;

  /** @param key of the hold of that host */
  constructor(redis: RedisClient, key: string) {
    this.#redis = redis;
    this.#key = key;
  }

  /** Where the question is. */
  get questionKey(): string {
    return `${this.#key}:asked`;
  }

  /** This process was answered. Never rejects. @param isAsked whether others wait to know */
  async answered(isAsked = false): Promise<void> {
    const now = performance.now();
    if (!isAsked && now - this.#wroteAt < WRITE_MS) return;
    this.#wroteAt = now;
    await this.#redis.eval(WRITE, 1, this.#answersKey, this.#id, KEEP_MS).catch(() => {});
  }

  /** How long ago another process was answered, in ms; undefined when that is not known. */
  async othersMs(): Promise<number | undefined> {
    const ms = await this.#redis.eval(READ, 1, this.#answersKey, this.#id).catch(() => -1);
    return Number(ms) < 0 ? undefined : Number(ms);
  }

  async ask(): Promise<void> {
    await this.#redis.set(this.questionKey, this.#id, 'PX', QUESTION_MS);
  }

  /** Whether somebody else wants to know. @param question what is at {@link questionKey} */
  isAsked(question: string | null | undefined): boolean {
    return typeof question === 'string' && question !== this.#id;
  }

  get #answersKey(): string {
    return `${this.#key}:answered`;
  }
}
