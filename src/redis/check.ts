import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import type { Logger } from '../process/log.ts';
import { callOnKeyNode, type RedisClient } from './client.ts';
import { parseRedisInfo, type RedisInfo } from './info.ts';
import { locationVariable, type RedisLocation } from './location.ts';

/** A setting or state of Redis that can lose uploads or prevents them. */
export interface RedisProblem {
  readonly problem: string;
  /** What to do about it. */
  readonly fix: string;
}

export interface RedisFindings {
  /** Why no upload would work. */
  readonly fatal?: RedisProblem;
  /** What can lose uploads. */
  readonly problems: readonly RedisProblem[];
  /** Whether data is written to disk; undefined when Redis does not say. */
  readonly persistent?: boolean;
}

const OLDEST = [6, 2] as const;

/**
 * @param savePoints the reply of CONFIG GET save, which INFO lacks; undefined when CONFIG is not allowed
 * @param location the configured location
 */
export function findRedisProblems(
  info: RedisInfo,
  savePoints: string | undefined,
  location: RedisLocation,
): RedisFindings {
  const { maxmemoryPolicy, aofEnabled } = info;
  const problems: RedisProblem[] = [];
  if (maxmemoryPolicy !== undefined && maxmemoryPolicy !== 'noeviction') {
    problems.push({
      problem: `maxmemory-policy is ${maxmemoryPolicy}: when memory runs out, uploads are evicted`,
      fix: 'CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
    });
  }
  const persistent = aofEnabled || (savePoints === undefined ? undefined : savePoints !== '');
  if (persistent === false) {
    problems.push({
      problem: 'persistence is off: when Redis restarts, all uploads are lost',
      fix: 'CONFIG SET appendonly yes, and the same in redis.conf',
    });
  }
  // Not for a cluster: its minority stops by itself. Not with a single replica: uploads would stop whenever it is down.
  if (locationVariable(location) === 'REDIS_SENTINELS' && info.replicas > 1 && !info.requiresReplicas) {
    problems.push({
      problem:
        'min-replicas-to-write is 0: a primary that is cut off from its sentinels takes uploads that are lost',
      fix: 'CONFIG SET min-replicas-to-write 1, and the same in redis.conf of all servers',
    });
  }
  return { problems, ...defined({ fatal: fatalProblem(info, location), persistent }) };
}

function fatalProblem(
  { product, version, replica, mode }: RedisInfo,
  location: RedisLocation,
): RedisProblem | undefined {
  const variable = locationVariable(location);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (version !== '' && (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))) {
    return { problem: `it is ${product}`, fix: `use Redis ${OLDEST.join('.')} or newer, or Valkey` };
  }
  if (mode === 'sentinel') {
    return { problem: 'it is a sentinel', fix: `set REDIS_SENTINELS instead of ${variable}` };
  }
  if (mode === 'cluster' && variable !== 'REDIS_CLUSTER_NODES') {
    return { problem: 'it is a node of a cluster', fix: `set REDIS_CLUSTER_NODES instead of ${variable}` };
  }
  if (replica) {
    return { problem: 'it is a replica, which takes no writes', fix: 'set REDIS_URL to the primary' };
  }
  return undefined;
}

/** Redis is not fit to keep uploads. */
class UnfitRedisError extends UploaderError {
  constructor(problems: readonly RedisProblem[]) {
    const lines = problems.map(({ problem, fix }) => `  - ${problem} (${fix})`);
    super('REDIS_UNFIT', `This Redis can't be trusted with uploads:\n${lines.join('\n')}`);
  }
}

/**
 * Checks the version, mode, eviction policy and persistence of Redis, in a cluster of the node that holds the queues.
 * Each problem is logged.
 * @param options.required whether problems that can lose uploads are errors
 * @throws {UnfitRedisError} when no upload would work, or with `required` when one can be lost
 */
export async function checkRedis(
  redis: RedisClient,
  options: {
    readonly location: RedisLocation;
    readonly queuePrefix: string;
    readonly required: boolean;
    readonly log: Logger;
  },
): Promise<void> {
  const { location, required, log } = options;
  const key = `${options.queuePrefix}:`;
  const info = parseRedisInfo(String(await callOnKeyNode(redis, key, ['info'])));
  const savePoints = info.aofEnabled ? undefined : await readSavePoints(redis, key);
  const { fatal, problems, persistent } = findRedisProblems(info, savePoints, location);
  if (fatal !== undefined) throw new UnfitRedisError([fatal]);
  if (required && problems.length > 0) throw new UnfitRedisError(problems);
  for (const { problem, fix } of problems)
    log.warn({ redis: info.product, problem, fix }, 'redis can lose uploads');
  if (persistent === undefined) {
    log.debug({ redis: info.product }, 'redis persistence is unknown: CONFIG GET is not allowed');
  }
}

/** Undefined when CONFIG is forbidden or unknown, as in managed Redis services. */
async function readSavePoints(redis: RedisClient, key: string): Promise<string | undefined> {
  try {
    const reply = (await callOnKeyNode(redis, key, ['config', 'GET', 'save'])) as readonly string[];
    return reply[1];
  } catch {
    return undefined;
  }
}
