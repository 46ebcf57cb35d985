import type { RedisClient } from './connection.ts';

/** So many hashes are read by one command: it holds Redis up for about a millisecond. */
const CHUNK = 500;

/** A script, because the replies to single commands take this process three times as long to take apart. */
const READ = `
local found = {}
for index, key in ipairs(KEYS) do
  local values = redis.pcall('HMGET', key, unpack(ARGV))
  found[index] = values.err and {} or values
end
return found`;

/** Values of fields; null or absent where a hash or a field is missing. */
export type FieldValues = readonly (string | null | undefined)[];

/** The same fields of many hashes, in the order of `keys`; in chunks, so that whoever has seen enough can stop. */
export async function* readFields(
  redis: RedisClient,
  keys: readonly string[],
  fields: readonly string[],
): AsyncGenerator<FieldValues, void, undefined> {
  for (let from = 0; from < keys.length; from += CHUNK) {
    const chunk = keys.slice(from, from + CHUNK);
    yield* (await redis.eval(READ, chunk.length, ...chunk, ...fields)) as FieldValues[];
  }
}
