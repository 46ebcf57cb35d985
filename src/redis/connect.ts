import type { ConnectionOptions } from 'node:tls';
import { type Cluster, Redis } from 'ioredis';
import { defined } from '../base/defined.ts';
import { batchWrites } from './batch-writes.ts';
import type { RedisClient } from './client.ts';
import { createCluster } from './cluster.ts';
import { type Access, sentinelConnector, serverConnector } from './connector.ts';
import { RedisCredentials } from './credentials.ts';
import {
  DEFAULT_MASTER,
  locationHosts,
  locationUrls,
  type RedisCluster,
  type RedisSentinels,
} from './location.ts';
import type { RedisTarget } from './target.ts';

/** How long commands wait for Redis. */
export interface ConnectionPolicy {
  /** How long a command waits while a cluster fails over. */
  readonly failoverMs: number;
  /** Whether commands wait in memory while there is no connection. */
  readonly enableOfflineQueue: boolean;
  /** Options of each connection to a server. */
  readonly options: {
    readonly maxRetriesPerRequest: number | null;
    /** Closes a connection that gets no reply for this time: a machine that vanishes leaves connections open. */
    readonly socketTimeout: number;
    readonly connectTimeout?: number;
    readonly commandTimeout?: number;
  };
}

/** Reconnects without limit, within 2 s after Redis is back. */
const retryStrategy = (times: number): number => Math.min(2000, 50 * 2 ** Math.min(times, 6));

/**
 * READONLY: the server has become a replica; its address may lead to the new primary. 2 = reconnect and send the command
 * again.
 */
const reconnectOnError = ({ message }: Error): 2 | false =>
  message.includes("READONLY You can't write") ? 2 : false;

/** One for all connections to a target: when one of them reads the files again, the others use the result. */
const credentials = new WeakMap<RedisTarget, RedisCredentials>();

function credentialsOf(target: RedisTarget): RedisCredentials {
  const known = credentials.get(target) ?? new RedisCredentials(target.location, target);
  credentials.set(target, known);
  return known;
}

/** What all kinds of connections need. */
interface ConnectOptions {
  readonly urls: readonly [URL, ...URL[]];
  readonly access: Access;
  /** Undefined without TLS. */
  readonly tls: ConnectionOptions | undefined;
  readonly policy: ConnectionPolicy;
}

/** Connects to a server, a cluster or through sentinels. With `rediss://` certificate and host name are always verified. */
export function connectRedis(target: RedisTarget, policy: ConnectionPolicy): RedisClient {
  const { location, ca, onRefusal } = target;
  const urls = locationUrls(location) as [URL, ...URL[]];
  const options: ConnectOptions = {
    urls,
    access: { credentials: credentialsOf(target), onRefusal },
    tls: urls[0].protocol === 'rediss:' ? { rejectUnauthorized: true, ...defined({ ca }) } : undefined,
    policy,
  };
  if (typeof location === 'string') return connectServer(location, options);
  return 'cluster' in location
    ? connectCluster(location, options)
    : connectThroughSentinels(location, options);
}

function connectServer(url: string, { urls, access, tls, policy }: ConnectOptions): Redis {
  const [{ hostname }] = urls;
  // Shared front ends need the host name before they show a certificate (SNI), and SNI takes no addresses.
  const isName = !/^[\d.]+$|^\[/.test(hostname);
  return batchWrites(
    new Redis(url, {
      ...policy.options,
      reconnectOnError,
      Connector: serverConnector(access),
      retryStrategy,
      enableOfflineQueue: policy.enableOfflineQueue,
      ...(tls && { tls: { ...tls, ...(isName && { servername: hostname }) } }),
    }),
  );
}

function connectCluster(location: RedisCluster, options: ConnectOptions): Cluster {
  const { access, policy } = options;
  return createCluster(locationHosts(location), {
    failoverMs: policy.failoverMs,
    enableOfflineQueue: policy.enableOfflineQueue,
    retryStrategy,
    redisOptions: {
      ...policy.options,
      ...loginOptions(options),
      reconnectOnError,
      Connector: serverConnector(access),
    },
  });
}

function connectThroughSentinels(location: RedisSentinels, options: ConnectOptions): Redis {
  const { urls, access, tls, policy } = options;
  const { master = DEFAULT_MASTER, sentinelUsername, sentinelPassword } = location;
  return batchWrites(
    new Redis({
      ...policy.options,
      ...loginOptions(options),
      reconnectOnError,
      Connector: sentinelConnector(access),
      retryStrategy,
      enableOfflineQueue: policy.enableOfflineQueue,
      db: Number(urls[0].pathname.slice(1)),
      name: master,
      sentinels: locationHosts(location),
      sentinelRetryStrategy: retryStrategy,
      ...defined({ sentinelUsername, sentinelPassword }),
      ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    }),
  );
}

/** The user, password and TLS options that all nodes of a cluster, or all servers behind sentinels, share. */
function loginOptions({ urls: [{ username, password }], tls }: ConnectOptions) {
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(tls && { tls }),
  };
}
