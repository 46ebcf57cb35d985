import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import {
  locationProblem,
  locationUrls,
  locationVariable,
  masterProblem,
  type RedisLocation,
} from '../redis/location.ts';
import { type Environment, readValue } from './environment.ts';
import { checked, flag, type Values } from './variable-types.ts';

export const REDIS_VARIABLES = {
  REDIS_URL: checked(locationProblem).default('redis://127.0.0.1:6379'),
  REDIS_CLUSTER_NODES: checked((cluster) => locationProblem({ cluster })).optional(),
  REDIS_SENTINELS: checked((sentinels) => locationProblem({ sentinels })).optional(),
  REDIS_SENTINEL_MASTER: checked(masterProblem).optional(),
  REDIS_SENTINEL_USERNAME: z.string().optional(),
  REDIS_SENTINEL_PASSWORD: z.string().optional(),
  REDIS_CA_FILE: z.string().optional(),
  REQUIRE_DURABLE_REDIS: flag,
  QUEUE_PREFIX: z
    .string()
    .regex(
      /^\{[^{}:\s]+\}[^{}:\s]*$/,
      'must start with a name in braces, such as {vod}, and hold no ":" or space',
    )
    .default('{vod}'),
};

export interface RedisConfig {
  readonly redis: {
    readonly location: RedisLocation;
    /** The file that the location was read from; user and password in it are read again at each new connection. */
    readonly locationFile?: string;
    /** The file that the sentinels' password was read from; it is read again, too. */
    readonly sentinelPasswordFile?: string;
    /** PEM certificates of the CAs to trust with rediss://; absent = those that Node trusts. */
    readonly ca?: string;
  };
  /** Whether a worker refuses a Redis that can lose uploads, instead of a warning. */
  readonly requireDurableRedis: boolean;
  /** Prefix of every Redis key; in braces so that all keys share one Redis Cluster slot. */
  readonly queuePrefix: string;
}

/** @param ca the result of {@link readCa} */
export function redisConfig(
  values: Values<typeof REDIS_VARIABLES>,
  variables: Environment,
  ca: string | undefined,
  problems: string[],
): RedisConfig {
  problems.push(...locationConflicts(variables));
  const location = locationOf(values);
  const variable = locationVariable(location);
  if (ca !== undefined && locationUrls(location)[0]?.protocol !== 'rediss:') {
    problems.push(`REDIS_CA_FILE is set, but ${variable} is without TLS: it must begin with rediss://`);
  }
  return {
    redis: {
      location,
      ...defined({
        locationFile: variables[`${variable}_FILE`],
        sentinelPasswordFile: variables.REDIS_SENTINEL_PASSWORD_FILE,
        ca,
      }),
    },
    requireDurableRedis: values.REQUIRE_DURABLE_REDIS,
    queuePrefix: values.QUEUE_PREFIX,
  };
}

/** Variables that contradict each other, or that only have a meaning with others. */
function locationConflicts(variables: Environment): string[] {
  const problems: string[] = [];
  const locations = ['REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_SENTINELS'].filter((name) => variables[name]);
  if (locations.length > 1) {
    problems.push(`${locations.join(' and ')} are set: only one of them can be the address of Redis`);
  }
  for (const name of ['REDIS_SENTINEL_MASTER', 'REDIS_SENTINEL_USERNAME', 'REDIS_SENTINEL_PASSWORD']) {
    if (variables[name] && !variables.REDIS_SENTINELS) {
      problems.push(`${name} is set, but REDIS_SENTINELS is not`);
    }
  }
  if (variables.REDIS_SENTINEL_USERNAME && !variables.REDIS_SENTINEL_PASSWORD) {
    problems.push('REDIS_SENTINEL_USERNAME is set, but REDIS_SENTINEL_PASSWORD is not');
  }
  return problems;
}

function locationOf(values: Values<typeof REDIS_VARIABLES>): RedisLocation {
  const { REDIS_CLUSTER_NODES: cluster, REDIS_SENTINELS: sentinels } = values;
  if (cluster !== undefined) return { cluster };
  if (sentinels === undefined) return values.REDIS_URL;
  return {
    sentinels,
    ...defined({
      master: values.REDIS_SENTINEL_MASTER,
      sentinelUsername: values.REDIS_SENTINEL_USERNAME,
      sentinelPassword: values.REDIS_SENTINEL_PASSWORD,
    }),
  };
}

/**
 * The certificates of REDIS_CA_FILE. They are checked here, because with a wrong file the first connection would only
 * report a certificate that is not trusted.
 */
export function readCa({ REDIS_CA_FILE: path }: Environment, problems: string[]): string | undefined {
  if (path === undefined) return undefined;
  const file = readValue(path);
  if (!file.ok) {
    problems.push(`REDIS_CA_FILE ${file.problem}`);
    return undefined;
  }
  try {
    new X509Certificate(file.value);
    return file.value;
  } catch {
    problems.push(`REDIS_CA_FILE does not contain PEM certificates: ${path}`);
    return undefined;
  }
}
