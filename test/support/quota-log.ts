import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import type { V2Action } from '../../src/vod/wire/protocol.ts';
import type { World } from './world.ts';

/** ARGV: ms. Makes all times of a log this much earlier, as if that time had passed. */
const PASS = `
local fields = redis.call('HGETALL', KEYS[1])
redis.call('DEL', KEYS[1])
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  if name == 'blocked' then value = string.format('%.0f', value - ARGV[1])
  elseif name ~= 'issued' then name = string.format('%.0f', name - ARGV[1]) end
  redis.call('HSET', KEYS[1], name, value)
end`;

/** Lets time pass for a log of permits, whose clock is that of Redis. */
async function passTime(redis: Redis, key: string, ms: number): Promise<void> {
  await redis.eval(PASS, 1, key, ms);
}

/** Access to the log of an action; disconnected after the test. */
export function quotaLogOf({ redisUrl, prefix }: Pick<World, 'redisUrl' | 'prefix'>, action: V2Action) {
  const redis = new Redis(redisUrl, { lazyConnect: true });
  onTestFinished(() => redis.disconnect());
  const key = `${prefix}:vod-quota:${action}`;
  return {
    redis,
    key,
    pass: (ms: number) => passTime(redis, key, ms),
    /** Makes permits that were given free from now on. */
    free: async (permits: number): Promise<void> => {
      const [bucket = ''] = Object.keys(await redis.hgetall(key)).filter((name) => /^\d+$/.test(name));
      await redis.hincrby(key, bucket, -permits);
    },
    /** Permits in the log, expired ones included. */
    permits: async (): Promise<number> => {
      const fields = Object.entries(await redis.hgetall(key));
      const buckets = fields.filter(([name]) => /^\d+$/.test(name));
      return buckets.reduce((sum, [, count]) => sum + Number(count), 0);
    },
  };
}
