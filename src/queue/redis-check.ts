import type { Redis } from 'ioredis';
import { UploaderError } from '../errors.ts';
import type { Logger } from '../log.ts';

/** What INFO tells of a server; undefined what it doesn't tell. */
export interface RedisFacts {
  /** `Redis 7.0.15`, `Valkey 8.0.1`. */
  readonly product: string;
  /** Of the Redis that it is compatible with. */
  readonly version: string;
  readonly maxmemoryPolicy?: string;
  readonly aofEnabled?: boolean;
  readonly replica: boolean;
}

/** Something about a Redis that can cost uploads. */
export interface RedisProblem {
  readonly what: string;
  /** What to do about it. */
  readonly fix: string;
}

export interface RedisFindings {
  /** No upload would work. */
  readonly fatal?: RedisProblem;
  /** Uploads work, until they are lost. */
  readonly problems: readonly RedisProblem[];
  /** Whether data is written to disk; undefined when that can't be told. */
  readonly persistent?: boolean;
}

const OLDEST = [6, 2] as const;

/** The fields of the text of INFO, by name. */
export function infoFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^([a-z_0-9]+):(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) fields.set(name, value.trim());
  }
  return fields;
}

/** Reads the text of INFO. */
export function parseRedisInfo(text: string): RedisFacts {
  const fields = infoFields(text);
  const version = fields.get('redis_version') ?? '';
  const maxmemoryPolicy = fields.get('maxmemory_policy');
  const aof = fields.get('aof_enabled');
  return {
    product: productOf(fields, version),
    version,
    ...(maxmemoryPolicy !== undefined && { maxmemoryPolicy }),
    ...(aof !== undefined && { aofEnabled: aof === '1' }),
    replica: fields.get('role') === 'slave',
  };
}

function productOf(fields: ReadonlyMap<string, string>, version: string): string {
  for (const [field, name] of [
    ['valkey_version', 'Valkey'],
    ['dragonfly_version', 'Dragonfly'],
  ] as const) {
    const own = fields.get(field);
    if (own !== undefined) return `${name} ${own.replace(/^\D+/, '')}`;
  }
  return `Redis ${version || 'of an unknown version'}`;
}

/** @param savePoints what CONFIG GET save says, undefined when it can't be asked: INFO says nothing of it */
export function findRedisProblems(facts: RedisFacts, savePoints: string | undefined): RedisFindings {
  const { product, maxmemoryPolicy, aofEnabled } = facts;
  const problems: RedisProblem[] = [];
  if (maxmemoryPolicy !== undefined && maxmemoryPolicy !== 'noeviction') {
    problems.push({
      what: `maxmemory-policy is ${maxmemoryPolicy}: when memory runs out, uploads are evicted`,
      fix: 'CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
    });
  }
  const persistent = aofEnabled || (savePoints === undefined ? undefined : savePoints !== '');
  if (persistent === false) {
    problems.push({
      what: 'persistence is off: when Redis restarts, all uploads are lost',
      fix: 'CONFIG SET appendonly yes, and the same in redis.conf',
    });
  }
  const fatal = fatalProblem(product, facts);
  return {
    ...(fatal !== undefined && { fatal }),
    problems,
    ...(persistent !== undefined && { persistent }),
  };
}

function fatalProblem(product: string, { version, replica }: RedisFacts): RedisProblem | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (version !== '' && (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))) {
    return { what: `it is ${product}`, fix: `use Redis ${OLDEST.join('.')} or newer, or Valkey` };
  }
  if (replica) {
    return { what: 'it is a replica, which takes no writes', fix: 'set REDIS_URL to the primary' };
  }
  return undefined;
}

/** Redis is not fit to keep uploads. */
class UnfitRedisError extends UploaderError {
  constructor(problems: readonly RedisProblem[]) {
    const lines = problems.map(({ what, fix }) => `  - ${what} (${fix})`);
    super('REDIS_UNFIT', `This Redis can't be trusted with uploads:\n${lines.join('\n')}`);
  }
}

/**
 * Looks at a Redis before uploads are entrusted to it: its version, its eviction policy, its persistence. Each problem
 * is a line of the log.
 * @param options.required whether problems are errors
 * @throws {UnfitRedisError} when no upload would work, or with `required` when one can be lost
 */
export async function checkRedis(
  redis: Redis,
  options: { readonly required: boolean; readonly log: Logger },
): Promise<void> {
  const { required, log } = options;
  const facts = parseRedisInfo(await redis.info());
  const found = findRedisProblems(facts, facts.aofEnabled ? undefined : await savePointsOf(redis));
  if (found.fatal !== undefined) throw new UnfitRedisError([found.fatal]);
  if (required && found.problems.length > 0) throw new UnfitRedisError(found.problems);
  for (const { what, fix } of found.problems)
    log.warn({ redis: facts.product, problem: what, fix }, 'redis can lose uploads');
  if (found.persistent === undefined) {
    log.debug(
      { redis: facts.product },
      'whether redis persists data can not be told: CONFIG GET is not allowed',
    );
  }
}

/** Managed ones forbid CONFIG, or don't know it. */
async function savePointsOf(redis: Redis): Promise<string | undefined> {
  try {
    const reply = (await redis.config('GET', 'save')) as readonly string[];
    return reply[1];
  } catch {
    return undefined;
  }
}
