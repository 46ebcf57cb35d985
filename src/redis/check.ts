import { UploaderError } from '../base/errors.ts';
import type { Logger } from '../process/log.ts';
import { askOwner, type RedisClient, type RedisTarget } from './connection.ts';
import { type RedisLocation, variableOf } from './location.ts';
import { unlessRefused } from './refused-command.ts';

/** What INFO tells of a server; undefined what it doesn't tell. */
export interface RedisFacts {
  /** `Redis 7.0.15`, `Valkey 8.0.1`. */
  readonly product: string;
  /** Of the Redis that it is compatible with. */
  readonly version: string;
  readonly maxmemoryPolicy?: string;
  readonly aofEnabled?: boolean;
  readonly replica: boolean;
  readonly mode: 'server' | 'cluster' | 'sentinel';
  /** How many replicas follow it. */
  readonly replicas: number;
  /** Whether it takes no writes that no replica hears of (min-replicas-to-write). */
  readonly needsReplicas: boolean;
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
    mode: modeOf(fields),
    replicas: Number(fields.get('connected_slaves') ?? 0),
    // Told only while it is set.
    needsReplicas: fields.has('min_slaves_good_slaves'),
  };
}

function modeOf(fields: ReadonlyMap<string, string>): RedisFacts['mode'] {
  if (fields.get('redis_mode') === 'sentinel') return 'sentinel';
  return fields.get('cluster_enabled') === '1' ? 'cluster' : 'server';
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

/**
 * @param savePoints what CONFIG GET save says, undefined when it can't be asked: INFO says nothing of it
 * @param location where the configuration says that it is
 */
export function findRedisProblems(
  facts: RedisFacts,
  savePoints: string | undefined,
  location: RedisLocation,
): RedisFindings {
  const { maxmemoryPolicy, aofEnabled } = facts;
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
  // Of a cluster, the part with fewer nodes stops by itself. With a single replica this would stop uploads whenever it is away.
  if (variableOf(location) === 'REDIS_SENTINELS' && facts.replicas > 1 && !facts.needsReplicas) {
    problems.push({
      what: 'min-replicas-to-write is 0: a primary that is cut off from its sentinels takes uploads that are lost',
      fix: 'CONFIG SET min-replicas-to-write 1, and the same in redis.conf of all servers',
    });
  }
  const fatal = fatalProblem(facts, location);
  return {
    ...(fatal !== undefined && { fatal }),
    problems,
    ...(persistent !== undefined && { persistent }),
  };
}

function fatalProblem(
  { product, version, replica, mode }: RedisFacts,
  location: RedisLocation,
): RedisProblem | undefined {
  const variable = variableOf(location);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (version !== '' && (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))) {
    return { what: `it is ${product}`, fix: `use Redis ${OLDEST.join('.')} or newer, or Valkey` };
  }
  if (mode === 'sentinel') {
    return { what: 'it is a sentinel', fix: `set REDIS_SENTINELS instead of ${variable}` };
  }
  if (mode === 'cluster' && variable !== 'REDIS_CLUSTER_NODES') {
    return { what: 'it is a node of a cluster', fix: `set REDIS_CLUSTER_NODES instead of ${variable}` };
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
 * Looks at a Redis before uploads are entrusted to it: its version, its eviction policy, its persistence; of a cluster, at
 * the node that has the queues. Each problem is a line of the log.
 * @param options.required whether problems are errors
 * @throws {UnfitRedisError} when no upload would work, or with `required` when one can be lost
 */
export async function checkRedis(
  redis: RedisClient,
  options: {
    readonly redis: RedisTarget;
    readonly queuePrefix: string;
    readonly required: boolean;
    readonly log: Logger;
  },
): Promise<void> {
  const { required, log } = options;
  const key = `${options.queuePrefix}:`;
  const facts = parseRedisInfo(String(await askOwner(redis, key, ['info'])));
  const savePoints = facts.aofEnabled ? undefined : await savePointsOf(redis, key);
  const found = findRedisProblems(facts, savePoints, options.redis.location);
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
async function savePointsOf(redis: RedisClient, key: string): Promise<string | undefined> {
  try {
    const reply = (await askOwner(redis, key, ['config', 'GET', 'save'])) as readonly string[];
    return reply[1];
  } catch {
    return undefined;
  }
}

/** What pages and metrics ask Redis besides the queues, and what goes without it. */
const OPTIONAL_COMMANDS = [
  { command: ['client', 'LIST'], right: '+client|list', without: 'how many workers there are is not told' },
  { command: ['info', 'memory'], right: '+info', without: 'how much memory Redis uses is not told' },
] as const;

/** Tells once which of the commands that can be done without Redis refuses to this user. @throws what Redis throws */
export async function tellRefusedCommands(
  redis: RedisClient,
  { queuePrefix, log }: { readonly queuePrefix: string; readonly log: Logger },
): Promise<void> {
  for (const { command, right, without } of OPTIONAL_COMMANDS) {
    const asked = askOwner(redis, `${queuePrefix}:`, command).then(() => true);
    if (await unlessRefused(asked)) continue;
    log.warn(
      { command: command.join(' ').toUpperCase(), fix: `grant ${right}`, without },
      'redis refuses a command',
    );
  }
}
