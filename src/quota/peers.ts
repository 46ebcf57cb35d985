import { randomBytes } from 'node:crypto';
import type { RedisClient } from '../redis/client.ts';

/** A process records its answers at most this often. */
const WRITE_INTERVAL_MS = 1000;

/** Older answers are removed. */
const KEEP_MS = 600_000;

/** TTL of a question. */
const QUESTION_MS = 2500;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** KEYS[1]: sorted set of process ids, scored by the time of their last answer. By Redis's clock: a machine's may be wrong. ARGV: id, KEEP_MS. */
const WRITE = `${NOW}
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Returns how long ago a process other than ARGV[1] was answered, in ms, or -1. */
const READ = `${NOW}
local latest = redis.call('ZREVRANGE', KEYS[1], 0, 1, 'WITHSCORES')
for index = 1, #latest, 2 do
  if latest[index] ~= ARGV[1] then return now - latest[index + 1] end
end
return -1`;

/**
 * Shares between processes, through Redis, when each was last answered by one VOD host. A process whose requests fail
 * asks a question; processes that had no answer recently then send a probe and record its answer.
 */
export class Peers {
  readonly #redis: RedisClient;
  readonly #holdKey: string;
  readonly #id = randomBytes(9).toString('base64url');
  #wroteAt = Number.NEGATIVE_INFINITY;

  /** @param holdKey key of the host's hold: the prefix of the keys used here */
  constructor(redis: RedisClient, holdKey: string) {
    this.#redis = redis;
    this.#holdKey = holdKey;
  }

  get questionKey(): string {
    return `${this.#holdKey}:asked`;
  }

  /** Records that VOD answered this process. Never rejects. @param force write even if the last write was just now */
  async recordAnswer(force = false): Promise<void> {
    const now = performance.now();
    if (!force && now - this.#wroteAt < WRITE_INTERVAL_MS) return;
    this.#wroteAt = now;
    await this.#redis.eval(WRITE, 1, this.#answersKey, this.#id, KEEP_MS).catch(() => {});
  }

  /** How long ago VOD answered another process, in ms; undefined when unknown. */
  async lastAnswerMs(): Promise<number | undefined> {
    const ms = await this.#redis.eval(READ, 1, this.#answersKey, this.#id).catch(() => -1);
    return Number(ms) < 0 ? undefined : Number(ms);
  }

  /** Asks the other processes whether VOD answers them. */
  async ask(): Promise<void> {
    await this.#redis.set(this.questionKey, this.#id, 'PX', QUESTION_MS);
  }

  /** Whether the question is from another process. @param question the value at {@link questionKey} */
  isFromPeer(question: string | null | undefined): boolean {
    return typeof question === 'string' && question !== this.#id;
  }

  get #answersKey(): string {
    return `${this.#holdKey}:answered`;
  }
}
