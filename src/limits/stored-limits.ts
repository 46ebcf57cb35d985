import { z } from 'zod';
import type { RedisClient } from '../redis/client.ts';
import {
  isLimitName,
  LIMIT_NAMES,
  type LimitName,
  type LimitSetting,
  type LimitValues,
  parseLimit,
  type SetLimit,
} from './limits.ts';

const settingSchema = z.object({
  value: z.string().max(2000),
  timeZone: z.string().max(100),
});

/** The limits that are set in Redis. */
export interface SetLimits {
  readonly limits: { readonly [Name in LimitName]?: SetLimit<LimitValues[Name]> };
  /** Fields that this version does not understand: they have no effect. */
  readonly ignored: readonly IgnoredLimit[];
}

interface IgnoredLimit {
  readonly limit: string;
  readonly reason: string;
}

/** Redis channel for changes of the limits; the messages say nothing. */
export function limitsChannel(prefix: string): string {
  return `${prefix}:vod-limits`;
}

/**
 * The limits of all workers, in one hash in Redis: names, and their values as JSON. Workers of the version before ignore
 * it.
 */
export class StoredLimits {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #channel: string;

  constructor(redis: RedisClient, prefix: string) {
    this.#redis = redis;
    this.#key = `${prefix}:vod-limits`;
    this.#channel = limitsChannel(prefix);
  }

  async read(): Promise<SetLimits> {
    return parseStored(await this.#redis.hgetall(this.#key));
  }

  /** Sets a limit and notifies all workers. The setting must be valid. */
  async set(name: LimitName, { text, timeZone }: LimitSetting): Promise<void> {
    await this.#redis.hset(this.#key, name, JSON.stringify({ value: text, timeZone }));
    await this.#redis.publish(this.#channel, '');
  }

  /** @returns whether the limit was set */
  async unset(name: LimitName): Promise<boolean> {
    const removed = await this.#redis.hdel(this.#key, name);
    await this.#redis.publish(this.#channel, '');
    return removed > 0;
  }
}

/** @param fields of the hash in Redis */
export function parseStored(fields: Readonly<Record<string, string>>): SetLimits {
  const limits: { [Name in LimitName]?: SetLimit<unknown> } = {};
  const ignored: IgnoredLimit[] = [];
  for (const [limit, json] of Object.entries(fields)) {
    try {
      if (!isLimitName(limit)) throw new Error(`there is no such limit; there are ${LIMIT_NAMES.join(', ')}`);
      limits[limit] = parseLimit(limit, parseSetting(json));
    } catch (error) {
      ignored.push({ limit, reason: (error as Error).message });
    }
  }
  return { limits: limits as SetLimits['limits'], ignored };
}

function parseSetting(json: string): LimitSetting {
  const { data, error } = settingSchema.safeParse(JSON.parse(json));
  const issue = error?.issues[0];
  if (data === undefined) throw new Error(`${issue?.path.join('.')}: ${issue?.message}`);
  return { text: data.value, timeZone: data.timeZone };
}
