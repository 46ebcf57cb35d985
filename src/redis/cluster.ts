import { Cluster, type ClusterOptions } from 'ioredis';
import { batchWrites } from './batch-writes.ts';

/** How often a command is retried while a cluster fails over. */
const FAILOVER_RETRY_MS = 100;
/** For a moment two nodes may each say that the other has the slot; without a delay that is a busy loop. */
const MOVED_RETRY_MS = 50;
/** A node that takes longer to list the nodes of the slots is skipped. */
const SLOTS_TIMEOUT_MS = 2000;
/** Shorter than BullMQ's limit of 6 s for a blocking read: one that went on would take the job from the read after it. */
const BLOCKING_FAILOVER_MS = 4000;

/** A cluster connection that retries commands during a failover; its duplicates, which BullMQ blocks on, for less time. */
class RetryingCluster extends Cluster {
  override duplicate(...args: Parameters<Cluster['duplicate']>): Cluster {
    const copy = super.duplicate(...args);
    copy.options.maxRedirections = BLOCKING_FAILOVER_MS / FAILOVER_RETRY_MS;
    return copy;
  }
}

export function createCluster(
  nodes: { readonly host: string; readonly port: number }[],
  options: {
    /** How long a command is retried while the cluster fails over. */
    readonly failoverMs: number;
    readonly enableOfflineQueue: boolean;
    readonly retryStrategy: (times: number) => number;
    readonly redisOptions: Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>;
  },
): Cluster {
  const { failoverMs, retryStrategy, ...rest } = options;
  const cluster = new RetryingCluster(nodes, {
    ...rest,
    clusterRetryStrategy: retryStrategy,
    // When its check fails, connect() never settles, and BullMQ would wait for it. Commands find the same errors.
    enableReadyCheck: false,
    maxRedirections: failoverMs / FAILOVER_RETRY_MS,
    retryDelayOnFailover: FAILOVER_RETRY_MS,
    retryDelayOnClusterDown: FAILOVER_RETRY_MS,
    retryDelayOnTryAgain: FAILOVER_RETRY_MS,
    retryDelayOnMoved: MOVED_RETRY_MS,
    slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
    // Keeps host names, because certificates are issued to them.
    dnsLookup: (host, found) => found(null, host),
  });
  return cluster.on('+node', batchWrites);
}
