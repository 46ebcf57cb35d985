import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { Logger } from '../process/log.ts';
import type { RedisClient } from '../redis/client.ts';

/** How often a process registers its account and reads those of the others. */
const REGISTER_INTERVAL_MS = 60_000;

/** A process that has not registered for this long counts as gone. */
const KEEP_MS = 150_000;

/** KEYS[1]: sorted set of users, scored by Redis's time of their last registration. ARGV: this user, its previous value or '', KEEP_MS. Returns all users. */
const REGISTER = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' then redis.call('ZREM', KEYS[1], ARGV[2]) end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('ZRANGE', KEYS[1], 0, -1)`;

const userSchema = z.object({
  account: z.string().max(64),
  host: z.string().max(256),
  pid: z.int(),
});

/** A process that calls VOD, and the fingerprint of its account. */
type AccountUser = Readonly<z.infer<typeof userSchema>>;

/** A fingerprint that tells SecretIds apart and reveals nothing else about them. */
export function accountFingerprint(secretId: string): string {
  return createHash('sha256').update(secretId).digest('hex').slice(0, 12);
}

export interface AccountsOptions {
  readonly redis: RedisClient;
  readonly prefix: string;
  /** Called each time: the SecretId may change while the process runs. */
  readonly secretId: () => Promise<string>;
  readonly log: Logger;
  /** Called after each registration with the number of accounts in use. */
  readonly onAccounts: (count: number) => void;
}

/**
 * Logs an error when workers on one prefix use different SecretIds: another account can't continue an upload that one
 * has begun. It only logs, because both are right while a key is being rotated.
 */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #timer: NodeJS.Timeout;
  /** The last registered value. */
  #registered = '';

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.register().catch(() => {}), REGISTER_INTERVAL_MS);
    this.#timer.unref();
  }

  async register(): Promise<void> {
    const { redis, secretId, log, onAccounts } = this.#options;
    const own: AccountUser = {
      account: accountFingerprint(await secretId()),
      host: hostname(),
      pid: process.pid,
    };
    const value = JSON.stringify(own);
    const previous = this.#registered === value ? '' : this.#registered;
    const users = (await redis.eval(REGISTER, 1, this.#key, value, previous, KEEP_MS)) as string[];
    this.#registered = value;
    const others = oneOfEachOther(users.flatMap(parseUser), own.account);
    onAccounts(others.length + 1);
    for (const other of others) {
      log.error({ own, other }, 'workers use different SecretIds: uploads go to different accounts or fail');
    }
  }

  /** Stops the timer and removes this process's registration. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#options.redis.zrem(this.#key, this.#registered).catch(() => {});
  }

  get #key(): string {
    return `${this.#options.prefix}:vod-accounts`;
  }
}

function parseUser(text: string): AccountUser[] {
  try {
    return [userSchema.parse(JSON.parse(text))];
  } catch {
    return [];
  }
}

/** One user of each account other than `own`. */
function oneOfEachOther(users: readonly AccountUser[], own: string): AccountUser[] {
  const byAccount = new Map(users.map((user) => [user.account, user]));
  byAccount.delete(own);
  return [...byAccount.values()];
}
