import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { canListen, freePort } from '../../src/demo/free-port.ts';
import { type CustomRedis, grantDocumentedRights, startRedis, untilReplicated } from './redis.ts';

/** A Redis Cluster on the loopback interface: three primaries, one with a replica. Stopped after the test. */
export interface TestCluster {
  readonly all: readonly CustomRedis[];
  /** Addresses of all nodes, `127.0.0.1:port,…`. */
  readonly nodes: string;
  /** The primary of the key that was given to {@link startCluster}. */
  readonly owner: CustomRedis;
  /** The owner's replica. */
  readonly replica: CustomRedis;
  /** An administrator's connection to a node. */
  admin(node: CustomRedis): Redis;
  /** Creates a user `uploads` with the documented rights on all nodes, or replaces its password. */
  grantRights(rights: { readonly prefix: string; readonly password: string }): Promise<void>;
  /**
   * Kills the owner after its replica has all its data; resolves when the other nodes have noticed. There is no
   * failover before {@link takeOver}.
   */
  killOwner(): Promise<void>;
  /** Fails over to the replica; resolves when it is the primary. */
  takeOver(): Promise<void>;
}

/** Node timeout. Long, so that a busy machine causes no failover; FAILOVER_MS while a test wants one. */
const STABLE_MS = 600_000;
const FAILOVER_MS = 1000;

const SLOTS = 16_384;
const PRIMARIES = 3;

/**
 * @param key its primary gets the replica
 * @param options.settings redis.conf settings of all nodes
 * @param options.connection ioredis options of administrators' connections, besides the port
 */
export async function startCluster(
  key: string,
  options: { settings?: Readonly<Record<string, string>>; connection?: object } = {},
): Promise<TestCluster> {
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-node-timeout': String(STABLE_MS),
    'cluster-replica-no-failover': 'yes',
    // A replica may take over even if it was disconnected from its primary for long.
    'cluster-replica-validity-factor': '0',
    appendonly: 'yes',
    ...options.settings,
  };
  const nodes: CustomRedis[] = [];
  while (nodes.length <= PRIMARIES) nodes.push(await startRedis(settings, await portWithBus()));
  const admin = ({ port }: CustomRedis): Redis => {
    const redis = new Redis({ host: '127.0.0.1', port, retryStrategy: () => null, ...options.connection });
    redis.on('error', () => {});
    onTestFinished(() => redis.disconnect());
    return redis;
  };
  const primaries = nodes.slice(0, PRIMARIES);
  const replica = nodes.at(-1) as CustomRedis;
  await Promise.all(
    primaries.map(async (node, index) => {
      const [from, to] = [index, index + 1].map((at) => Math.floor((at * SLOTS) / PRIMARIES)) as [
        number,
        number,
      ];
      await admin(node).cluster('ADDSLOTS', ...Array.from({ length: to - from }, (_, slot) => from + slot));
      // With equal epochs, the nodes would need time to resolve the conflict.
      await admin(node).call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    }),
  );
  const first = admin(nodes[0] as CustomRedis);
  for (const { port } of nodes.slice(1)) await first.cluster('MEET', '127.0.0.1', port);
  const slot = Number(await first.cluster('KEYSLOT', key));
  const owner = primaries[Math.floor(((slot + 1) * PRIMARIES - 1) / SLOTS)] as CustomRedis;
  const ownerId = await admin(owner).cluster('MYID');
  const follower = admin(replica);
  await expect.poll(() => follower.cluster('REPLICATE', ownerId).catch(String)).toBe('OK');
  await expect.poll(() => follower.info('replication')).toContain('master_link_status:up');
  await Promise.all(
    nodes.map(async (node) => {
      const redis = admin(node);
      await expect.poll(() => redis.cluster('INFO')).toMatch(/cluster_state:ok.*cluster_known_nodes:4/s);
    }),
  );
  const others = nodes.filter((node) => node !== owner).map(admin);
  const setTimeouts = (redises: readonly Redis[], ms: number) =>
    Promise.all(redises.map((redis) => redis.config('SET', 'cluster-node-timeout', String(ms))));
  return {
    nodes: nodes.map(({ port }) => `127.0.0.1:${port}`).join(','),
    all: nodes,
    owner,
    replica,
    admin,
    async grantRights(rights) {
      for (const redis of nodes.map(admin)) {
        await redis.acl('SETUSER', 'uploads', 'resetpass');
        await grantDocumentedRights(redis, rights);
      }
    },
    async killOwner() {
      await untilReplicated(admin(owner), `${key}still`);
      await owner.child.kill();
      await setTimeouts(others, FAILOVER_MS);
      for (const redis of others) {
        await expect.poll(() => redis.cluster('INFO')).toContain('cluster_state:fail');
      }
      await setTimeouts(others, STABLE_MS);
    },
    async takeOver() {
      // The replica also derives its retry time from this timeout.
      await setTimeouts([follower], FAILOVER_MS);
      await follower.config('SET', 'cluster-replica-no-failover', 'no');
      for (const redis of others) {
        await expect.poll(() => redis.cluster('INFO')).toContain('cluster_state:ok');
      }
      await setTimeouts([follower], STABLE_MS);
    },
  };
}

/** The cluster bus port is the node's port plus this. */
const BUS_OFFSET = 10_000;
/** Above it the bus port could be an ephemeral port. */
const HIGHEST_PORT = 22_000;

/** A free port for a node whose bus port is free too. */
export async function portWithBus(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port < HIGHEST_PORT && (await canListen(port + BUS_OFFSET))) return port;
  }
}
