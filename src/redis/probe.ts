import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisClient } from './client.ts';
import { type Access, serverConnector } from './connector.ts';
import { locationHosts, type RedisLocation } from './location.ts';

const TIMEOUT_MS = 5000;

/**
 * Connects once to the first cluster node or sentinel, to learn why it can't be reached: ioredis reports only that the
 * connection of a cluster or of sentinels was closed.
 * @returns undefined for a single server, and when the connection succeeds
 */
export async function probeFirstHost(
  connection: RedisClient,
  location: RedisLocation,
  access: Access = {},
): Promise<Error | undefined> {
  if (typeof location === 'string') return undefined;
  const { tls, username, password, Connector = serverConnector(access) } = hostOptions(connection);
  const [host] = locationHosts(location);
  const probe = new Redis({
    ...host,
    tls,
    username,
    password,
    Connector,
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: TIMEOUT_MS,
    retryStrategy: () => null,
  });
  try {
    return await new Promise((resolve) => {
      probe.once('error', resolve).once('ready', () => resolve(undefined));
      probe.connect().catch(resolve);
    });
  } finally {
    probe.disconnect();
  }
}

/** The options with which a connection reaches cluster nodes or sentinels. */
function hostOptions(connection: RedisClient): RedisOptions {
  if (connection instanceof Cluster) return connection.options.redisOptions ?? {};
  const { sentinelTLS, sentinelUsername, sentinelPassword } = connection.options;
  return { tls: sentinelTLS, username: sentinelUsername, password: sentinelPassword };
}
