import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { startChild } from '../../src/demo/child.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { type CustomRedis, startRedis } from './redis.ts';

/** A primary, a replica and three sentinels on the loopback interface; they end with the test. */
export interface TestSentinels {
  /** `127.0.0.1:port,…` */
  readonly sentinels: string;
  readonly primary: CustomRedis;
  readonly replica: CustomRedis;
  /** A connection to each sentinel, by an administrator. */
  readonly watchers: readonly Redis[];
  /** A connection to a server or a sentinel, by an administrator. */
  admin(server: { readonly port: number }): Redis;
  /** Lets the sentinels notice that the primary is gone; resolves when they say that the replica is the primary. */
  failOver(): Promise<void>;
}

/** The sentinels don't take a server for dead, however busy the machine is, until a test wants them to. */
const STILL_MS = 600_000;
const NOTICE_MS = 1000;

export const MASTER = 'videos';

/**
 * @param options.settings of both servers' redis.conf
 * @param options.replicaSettings of the replica's, to log in to the primary
 * @param options.sentinelSettings lines of the sentinels' configuration
 * @param options.tls whether sentinels listen with TLS only
 * @param options.connection how an administrator connects, beside the port
 */
export async function startSentinels(
  options: {
    settings?: Readonly<Record<string, string>>;
    sentinelSettings?: readonly string[];
    tls?: boolean;
    connection?: object;
    sentinelConnection?: object;
  } = {},
): Promise<TestSentinels> {
  const settings = { appendonly: 'yes', ...options.settings };
  const primary = await startRedis(settings);
  const replica = await startRedis({ ...settings, replicaof: `127.0.0.1 ${primary.port}` });
  const connect = (port: number, more: object | undefined): Redis => {
    const redis = new Redis({ host: '127.0.0.1', port, retryStrategy: () => null, ...more });
    redis.on('error', () => {});
    onTestFinished(() => redis.disconnect());
    return redis;
  };
  const admin = ({ port }: { readonly port: number }): Redis => connect(port, options.connection);
  const follower = admin(replica);
  await expect.poll(() => follower.info('replication')).toContain('master_link_status:up');
  const ports = await Promise.all(
    [1, 2, 3].map(() => startSentinel(primary.port, options.sentinelSettings ?? [], options.tls ?? false)),
  );
  const watchers = ports.map((port) => connect(port, options.sentinelConnection ?? options.connection));
  // Each knows the replica and the two others.
  for (const watcher of watchers) {
    await expect
      .poll(async () => await watcher.call('SENTINEL', 'CKQUORUM', MASTER).catch(String))
      .toMatch(/^OK 3 usable/);
    await expect
      .poll(async () => ((await watcher.call('SENTINEL', 'REPLICAS', MASTER)) as unknown[]).length)
      .toBe(1);
  }
  return {
    sentinels: ports.map((port) => `127.0.0.1:${port}`).join(','),
    primary,
    replica,
    watchers,
    admin,
    async failOver() {
      const setPatience = (ms: number) =>
        Promise.all(
          watchers.map((watcher) => watcher.call('SENTINEL', 'SET', MASTER, 'down-after-milliseconds', ms)),
        );
      await setPatience(NOTICE_MS);
      for (const watcher of watchers) {
        await expect
          .poll(async () => await watcher.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER))
          .toEqual(['127.0.0.1', String(replica.port)]);
      }
      await setPatience(STILL_MS);
    },
  };
}

async function startSentinel(primaryPort: number, more: readonly string[], tls: boolean): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'vod-sentinel-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const port = await freePort();
  const file = join(dir, 'sentinel.conf');
  await writeFile(
    file,
    [
      ...(tls ? ['port 0', `tls-port ${port}`] : [`port ${port}`]),
      'bind 127.0.0.1',
      `dir ${dir}`,
      `sentinel monitor ${MASTER} 127.0.0.1 ${primaryPort} 2`,
      `sentinel down-after-milliseconds ${MASTER} ${STILL_MS}`,
      `sentinel failover-timeout ${MASTER} 5000`,
      ...more,
      '',
    ].join('\n'),
  );
  const child = await startChild({
    label: 'redis-sentinel',
    command: 'redis-server',
    args: [file, '--sentinel'],
    ready: /\+monitor master/,
  });
  onTestFinished(() => child.stop());
  return port;
}
