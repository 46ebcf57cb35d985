import { maskedUrl, redisUrlProblem } from './url.ts';

/**
 * The address of Redis: the URL of one server, `redis://[user:password@]host[:port][/db]` or `rediss://` for TLS; a
 * cluster; or the server that sentinels name.
 */
export type RedisLocation = string | RedisCluster | RedisSentinels;

/** A Redis Cluster. */
export interface RedisCluster {
  /**
   * Some of its nodes, from which the client learns the others: `redis://[user:password@]host[:port],host[:port],…`, or
   * `rediss://` for TLS. User, password and TLS are the same for all nodes; the default port is 6379; the prefix
   * `redis://` may be left out.
   */
  readonly cluster: string;
}

/** A primary and its replicas, monitored by Redis Sentinel. */
export interface RedisSentinels {
  /**
   * The sentinels, with the credentials and database of the servers that they monitor:
   * `redis://[user:password@]host[:port],host[:port],…[/db]`, or `rediss://` for TLS to both. The default port is 26379;
   * the prefix `redis://` may be left out.
   */
  readonly sentinels: string;
  /** The sentinels' name for the primary; default `mymaster`. */
  readonly master?: string;
  /** Password and user of the sentinels themselves, if they require them. */
  readonly sentinelPassword?: string;
  readonly sentinelUsername?: string;
}

export const DEFAULT_MASTER = 'mymaster';
const CLUSTER_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** The environment variable that sets a location of this kind. */
export function locationVariable(location: RedisLocation): string {
  if (typeof location === 'string') return 'REDIS_URL';
  return 'cluster' in location ? 'REDIS_CLUSTER_NODES' : 'REDIS_SENTINELS';
}

/** What is wrong with a location, or undefined. Never contains the location, which may hold a password. */
export function locationProblem(location: RedisLocation): string | undefined {
  if (typeof location === 'string') return redisUrlProblem(location);
  if ('cluster' in location) return listProblem(location.cluster, '');
  const { master = DEFAULT_MASTER } = location;
  return listProblem(location.sentinels, '[/db]') ?? masterProblem(master);
}

export function masterProblem(master: string): string | undefined {
  return /^[\w.-]+$/.test(master)
    ? undefined
    : "must be the sentinels' name for the primary, such as mymaster";
}

/** One URL per host of the location; scheme, user, password and database are the same in all. */
export function locationUrls(location: RedisLocation): URL[] {
  if (typeof location === 'string') return [new URL(location)];
  return hostUrls('cluster' in location ? location.cluster : location.sentinels).map((url) => new URL(url));
}

/** The hosts of a location, without the brackets of IPv6 addresses. */
export function locationHosts(location: RedisCluster | RedisSentinels): { host: string; port: number }[] {
  const defaultPort = 'cluster' in location ? CLUSTER_PORT : SENTINEL_PORT;
  return locationUrls(location).map(({ hostname, port }) => ({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || defaultPort),
  }));
}

/** The location for logs and messages, with its password masked. */
export function maskedLocation(location: RedisLocation): string {
  if (locationProblem(location) !== undefined) return '(invalid Redis location)';
  const [first, ...others] = locationUrls(location) as [URL, ...URL[]];
  const { pathname } = first;
  first.pathname = '';
  const hosts = [maskedUrl(first.href), ...others.map(({ host }) => host)].join(',') + pathname;
  if (typeof location === 'string') return hosts;
  return 'cluster' in location
    ? `cluster ${hosts}`
    : `${location.master ?? DEFAULT_MASTER} of sentinels ${hosts}`;
}

/** One URL per host of a list such as `rediss://user:password@h1,h2:7000/1`. */
function hostUrls(list: string): string[] {
  const [, scheme = 'redis://', user = '', hosts = '', rest = ''] =
    /^(rediss?:\/\/)?(.*@)?([^/]*)(.*)$/s.exec(list) ?? [];
  return hosts.split(',').map((host) => `${scheme}${user}${host.trim()}${rest}`);
}

function listProblem(list: string, database: '' | '[/db]'): string | undefined {
  const wrong = hostUrls(list).some(
    (url) => redisUrlProblem(url) !== undefined || (database === '' && /^\/./.test(new URL(url).pathname)),
  );
  if (!wrong) return undefined;
  return (
    `must be like redis://[user:password@]host[:port],host[:port]${database} (rediss:// for TLS), without a query, and ` +
    'with %-escapes for special characters in user and password'
  );
}
