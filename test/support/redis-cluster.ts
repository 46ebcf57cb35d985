import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { canListen, freePort } from '../../src/demo/free-port.ts';
import { type CustomRedis, startRedis, untilReplicated } from './redis.ts';

/** A Redis Cluster of three primaries on the loopback interface, one of which has a replica; it ends with the test. */
export interface TestCluster {
  readonly all: readonly CustomRedis[];
  /** Of all nodes, `127.0.0.1:port,…`. */
  readonly nodes: string;
  /** The primary that has the keys that the cluster was started for. */
  readonly owner: CustomRedis;
  /** Takes over from it, when {@link TestCluster.takeOver} says so. */
  readonly replica: CustomRedis;
  /** A connection to a node, by an administrator. */
  admin(node: CustomRedis): Redis;
  /**
   * Kills the owner when its replica has all that it had; resolves when the others know that it is gone. No node takes
   * its place.
   */
  killOwner(): Promise<void>;
  /** Lets the replica take the owner's place; resolves when it has. */
  takeOver(): Promise<void>;
}

/** The nodes don't take each other for dead, however busy the machine is, until a test wants them to. */
const STILL_MS = 600_000;
const NOTICE_MS = 1000;

const SLOTS = 16_384;
const PRIMARIES = 3;

/**
 * @param key whose primary has the replica
 * @param options.settings of all nodes' redis.conf
 * @param options.connection how an administrator connects, beside the port
 */
export async function startCluster(
  key: string,
  options: { settings?: Readonly<Record<string, string>>; connection?: object } = {},
): Promise<TestCluster> {
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-node-timeout': String(STILL_MS),
    'cluster-replica-no-failover': 'yes',
    // A replica that was cut off for a while may take over all the same: better old than none.
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
      // Else all begin with the same epoch, and settle that one by one.
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
    async killOwner() {
      await untilReplicated(admin(owner), `${key}still`);
      await owner.child.kill();
      await setTimeouts(others, NOTICE_MS);
      for (const redis of others) {
        await expect.poll(() => redis.cluster('INFO')).toContain('cluster_state:fail');
      }
      await setTimeouts(others, STILL_MS);
    },
    async takeOver() {
      // By this it also knows when to try again.
      await setTimeouts([follower], NOTICE_MS);
      await follower.config('SET', 'cluster-replica-no-failover', 'no');
      for (const redis of others) {
        await expect.poll(() => redis.cluster('INFO')).toContain('cluster_state:ok');
      }
      await setTimeouts([follower], STILL_MS);
    },
  };
}

/** Nodes talk to each other on the port that is greater by this. */
const BUS_OFFSET = 10_000;
/** Above it the bus could meet ports of outgoing connections. */
const HIGHEST_PORT = 22_000;

/** A free port of a node, whose bus has one, too. */
export async function portWithBus(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port < HIGHEST_PORT && (await canListen(port + BUS_OFFSET))) return port;
  }
}
