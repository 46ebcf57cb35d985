import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { Logger } from '../process/log.ts';
import type { RedisClient } from '../redis/connection.ts';

/** How often a process says which account it uses, and looks which others use. */
const TELL_MS = 60_000;

/** A process that has not said it for so long is gone. */
const KEEP_MS = 150_000;

/** KEYS[1]: users by when each last said so, by Redis's clock. ARGV: this one, its former self or '', ms. Returns all. */
const TELL = `
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

/** A process that calls VOD, and the account that it uses. */
type AccountUser = Readonly<z.infer<typeof userSchema>>;

/** Tells one SecretId from another, and nothing else of it. */
export function accountOf(secretId: string): string {
  return createHash('sha256').update(secretId).digest('hex').slice(0, 12);
}

export interface AccountsOptions {
  readonly redis: RedisClient;
  readonly prefix: string;
  /** Asked each time: it may change while the process runs. */
  readonly secretId: () => Promise<string>;
  readonly log: Logger;
  /** Called with the number of accounts that are used, whenever this process has looked. */
  readonly onAccounts: (count: number) => void;
}

/**
 * Tells when workers on one prefix use different SecretIds: what one account has begun another can't go on with. While
 * a key is replaced by another both may be right, so it is told and nothing more.
 */
export class Accounts {
  readonly #options: AccountsOptions;
  readonly #timer: NodeJS.Timeout;
  #said = '';

  constructor(options: AccountsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.tell().catch(() => {}), TELL_MS);
    this.#timer.unref();
  }

  async tell(): Promise<void> {
    const { redis, secretId, log, onAccounts } = this.#options;
    const own: AccountUser = { account: accountOf(await secretId()), host: hostname(), pid: process.pid };
    const said = JSON.stringify(own);
    const former = this.#said === said ? '' : this.#said;
    const users = (await redis.eval(TELL, 1, this.#key, said, former, KEEP_MS)) as string[];
    this.#said = said;
    const others = firstOfEach(users.flatMap(parseUser), own.account);
    onAccounts(others.length + 1);
    for (const other of others) {
      log.error({ own, other }, 'workers use different SecretIds: uploads go to different accounts or fail');
    }
  }

  /** This process uses none any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#options.redis.zrem(this.#key, this.#said).catch(() => {});
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

/** One user of each account but this. */
function firstOfEach(users: readonly AccountUser[], own: string): AccountUser[] {
  const first = new Map(users.map((user) => [user.account, user]));
  first.delete(own);
  return [...first.values()];
}
