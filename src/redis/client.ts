import { Cluster, type Redis } from 'ioredis';

/** A connection to one server, which sentinels may have named, or to a cluster. */
export type RedisClient = Redis | Cluster;

/**
 * Sends a command that has no key to the server that holds `key`. In a cluster ioredis would send it to any node, whose
 * memory, clients and settings say nothing about the queues.
 */
export async function callOnKeyNode(
  redis: RedisClient,
  key: string,
  [name, ...args]: readonly [string, ...string[]],
): Promise<unknown> {
  if (!(redis instanceof Cluster)) return await redis.call(name, ...args);
  // ioredis sends a whole pipeline to the node of its keys.
  const replies = await redis
    .pipeline()
    .exists(key)
    .call(name, ...args)
    .exec();
  for (const [error] of replies ?? []) if (error) throw error;
  return replies?.[1]?.[1];
}
