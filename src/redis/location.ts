import { redisUrlProblem, withoutPassword } from './url.ts';

/**
 * Where Redis is: the URL of one server, `redis://[user:password@]host[:port][/db]` or `rediss://` for TLS; or a cluster;
 * or the server that sentinels name.
 */
export type RedisLocation = string | RedisCluster | RedisSentinels;

/** A Redis Cluster. */
export interface RedisCluster {
  /**
   * Some of its nodes, which tell of the others: `redis://[user:password@]host[:port],host[:port],…`, or `rediss://` for
   * TLS. User, password and TLS are those of all nodes; the port is 6379 unless given; `redis://` alone may be left out.
   */
  readonly cluster: string;
}

/** A primary and its replicas, watched by Redis Sentinel. */
export interface RedisSentinels {
  /**
   * The sentinels, and how to log in to the servers that they watch:
   * `redis://[user:password@]host[:port],host[:port],…[/db]`, or `rediss://` for TLS with both. User, password and
   * database are those of the servers; the port is 26379 unless given; `redis://` alone may be left out.
   */
  readonly sentinels: string;
  /** The name that the sentinels have for the primary; default `mymaster`. */
  readonly master?: string;
  /** Where the sentinels themselves want a password, and a user. */
  readonly sentinelPassword?: string;
  readonly sentinelUsername?: string;
}

export const DEFAULT_MASTER = 'mymaster';

/** The variable that a location comes from. */
export function variableOf(location: RedisLocation): string {
  if (typeof location === 'string') return 'REDIS_URL';
  return 'cluster' in location ? 'REDIS_CLUSTER_NODES' : 'REDIS_SENTINELS';
}

/** What is wrong with a location, or undefined. Never repeats it: it may hold a password. */
export function locationProblem(location: RedisLocation): string | undefined {
  if (typeof location === 'string') return redisUrlProblem(location);
  if ('cluster' in location) return listProblem(location.cluster, '');
  const { master = DEFAULT_MASTER } = location;
  return listProblem(location.sentinels, '[/db]') ?? masterProblem(master);
}

export function masterProblem(master: string): string | undefined {
  return /^[\w.-]+$/.test(master)
    ? undefined
    : 'must be the name that the sentinels have for the primary, such as mymaster';
}

/** One URL for each host of the location; what stands before and after the hosts is the same in all of them. */
export function urlsOf(location: RedisLocation): URL[] {
  return urlTextsOf(location).map((text) => new URL(text));
}

/** A location that may be shown. */
export function showLocation(location: RedisLocation): string {
  if (locationProblem(location) !== undefined) return '(not a location of Redis)';
  const [first, ...others] = urlsOf(location) as [URL, ...URL[]];
  const { pathname } = first;
  first.pathname = '';
  const hosts = [withoutPassword(first.href), ...others.map(({ host }) => host)].join(',') + pathname;
  if (typeof location === 'string') return hosts;
  return 'cluster' in location
    ? `cluster ${hosts}`
    : `${location.master ?? DEFAULT_MASTER} of sentinels ${hosts}`;
}

function urlTextsOf(location: RedisLocation): string[] {
  if (typeof location === 'string') return [location];
  const list = 'cluster' in location ? location.cluster : location.sentinels;
  const [, scheme = 'redis://', user = '', hosts = '', rest = ''] =
    /^(rediss?:\/\/)?(.*@)?([^/]*)(.*)$/s.exec(list) ?? [];
  return hosts.split(',').map((host) => `${scheme}${user}${host.trim()}${rest}`);
}

function listProblem(list: string, database: '' | '[/db]'): string | undefined {
  const location = database === '' ? { cluster: list } : { sentinels: list };
  const wrong = urlTextsOf(location).some(
    (url) => redisUrlProblem(url) !== undefined || (database === '' && /^\/./.test(new URL(url).pathname)),
  );
  if (!wrong) return undefined;
  return (
    `must be like redis://[user:password@]host[:port],host[:port]${database} (rediss:// for TLS), without a query, and ` +
    'with %-escapes for special characters in user and password'
  );
}
