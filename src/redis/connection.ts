import { Cluster, type Redis } from 'ioredis';
import type { Logger } from '../process/log.ts';
import type { RedisClient } from './client.ts';
import { connectRedis } from './connect.ts';
import { nodeError } from './errors.ts';
import { maskedLocation } from './location.ts';
import { probeFirstHost } from './probe.ts';
import type { RedisTarget } from './target.ts';

/** Longer than BullMQ's longest blocking read, 10 s. */
const WORKER_SOCKET_TIMEOUT_MS = 15_000;

/** For workers: commands wait as long as Redis is unreachable, which BullMQ requires. */
export function workerConnection(target: RedisTarget, onError: (error: Error) => void): RedisClient {
  const connection = connectRedis(target, {
    failoverMs: Number.POSITIVE_INFINITY,
    enableOfflineQueue: true,
    options: { maxRetriesPerRequest: null, socketTimeout: WORKER_SOCKET_TIMEOUT_MS },
  });
  connection.on('error', (error: Error) => onError(nodeError(error)));
  return connection;
}

/**
 * A {@link workerConnection} that logs once when the connection is lost and once when it is back. Not for blocking reads
 * and subscriptions.
 */
export function monitoredConnection(
  target: RedisTarget,
  { log, onChange }: { readonly log: Logger; readonly onChange: (connected: boolean) => void },
): RedisClient {
  const { location, onRefusal } = target;
  const redisUrl = maskedLocation(location);
  let isLost = false;
  const connection: RedisClient = workerConnection(target, (error) => {
    if (!isLost) log.warn({ redisUrl, err: error.message }, 'redis is unreachable; waiting for it');
    isLost = true;
    // ioredis does not say why sentinels do not answer; the probe reports a refusal.
    if (error.message.startsWith('All sentinels')) {
      void probeFirstHost(connection, location, { onRefusal });
    }
  });
  connection.on('close', () => onChange(false));
  connection.on('ready', () => {
    onChange(true);
    if (isLost) log.warn({ redisUrl }, 'redis is back');
    isLost = false;
  });
  if (connection instanceof Cluster) logNodes(connection, log);
  return connection;
}

/** A cluster counts as connected while one node is reachable, even when the node with the uploads is not. */
function logNodes(cluster: Cluster, log: Logger): void {
  const lost = new Set<string>();
  cluster.on('node error', (error: Error, node: string) => {
    if (!lost.has(node)) log.warn({ node, err: error.message }, 'a node of the redis cluster is unreachable');
    lost.add(node);
  });
  cluster.on('+node', (connection: Redis) => {
    const node = `${connection.options.host}:${connection.options.port}`;
    connection.on('ready', () => {
      if (lost.delete(node)) log.warn({ node }, 'a node of the redis cluster is back');
    });
  });
}

/** How long a producer's call may wait for Redis. */
const PRODUCER_TIMEOUT_MS = 5000;

/**
 * For producers: while Redis is unreachable, a call fails within seconds instead of waiting in memory; calls work again
 * as soon as Redis is back. A call that timed out may have taken effect.
 */
export function producerConnection(target: RedisTarget): RedisClient {
  const connection = connectRedis(target, {
    failoverMs: PRODUCER_TIMEOUT_MS,
    enableOfflineQueue: false,
    options: {
      maxRetriesPerRequest: 1,
      socketTimeout: PRODUCER_TIMEOUT_MS,
      connectTimeout: PRODUCER_TIMEOUT_MS,
      commandTimeout: PRODUCER_TIMEOUT_MS,
    },
  });
  // Without a listener ioredis prints each error; callers get theirs from the call itself.
  connection.on('error', () => {});
  // Each call that waits for Redis adds listeners, and an application may follow hundreds of uploads.
  // Not 0, which also means no limit: each of BullMQ's queues adds to the number.
  connection.setMaxListeners(Number.POSITIVE_INFINITY);
  return connection;
}
