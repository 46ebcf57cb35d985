import type { RedisClient } from './client.ts';

/** Hashes per command: Redis is busy with this many for about 1 ms. */
const BATCH_SIZE = 500;

/** A script, because this process takes three times as long to parse the replies to single commands. */
const READ = `
local found = {}
for index, key in ipairs(KEYS) do
  local values = redis.pcall('HMGET', key, unpack(ARGV))
  found[index] = values.err and {} or values
end
return found`;

/** Values of fields; null or absent where a hash or a field is missing. */
export type FieldValues = readonly (string | null | undefined)[];

/** Reads the same fields of many hashes, in the order of `keys`; in batches, so that the caller can stop early. */
export async function* readHashFields(
  redis: RedisClient,
  keys: readonly string[],
  fields: readonly string[],
): AsyncGenerator<FieldValues, void, undefined> {
  for (let from = 0; from < keys.length; from += BATCH_SIZE) {
    const batch = keys.slice(from, from + BATCH_SIZE);
    yield* (await redis.eval(READ, batch.length, ...batch, ...fields)) as FieldValues[];
  }
}
