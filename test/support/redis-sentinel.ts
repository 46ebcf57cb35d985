import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { startChild } from '../../src/demo/child.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { type CustomRedis, startRedis } from './redis.ts';

/** A primary, a replica and three sentinels on the loopback interface; stopped after the test. */
export interface TestSentinels {
  /** `127.0.0.1:port,…` */
  readonly sentinels: string;
  readonly primary: CustomRedis;
  readonly replica: CustomRedis;
  /** An administrator's connection to each sentinel. */
  readonly watchers: readonly Redis[];
  /** An administrator's connection to a server or sentinel. */
  admin(server: { readonly port: number }): Redis;
  /** Lets the sentinels fail over to the replica; resolves when all report it as the primary. */
  failOver(): Promise<void>;
}

/** `down-after-milliseconds`. Long, so that a busy machine causes no failover; FAILOVER_MS while a test wants one. */
const STABLE_MS = 600_000;
const FAILOVER_MS = 1000;

export const MASTER = 'videos';

/**
 * @param options.settings redis.conf settings of both servers
 * @param options.sentinelSettings lines of the sentinels' configuration
 * @param options.tls whether the sentinels are TLS-only
 * @param options.connection ioredis options of administrators' connections, besides the port
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
  // Each sentinel knows the replica and the two other sentinels.
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
      const setDownAfter = (ms: number) =>
        Promise.all(
          watchers.map((watcher) => watcher.call('SENTINEL', 'SET', MASTER, 'down-after-milliseconds', ms)),
        );
      await setDownAfter(FAILOVER_MS);
      for (const watcher of watchers) {
        await expect
          .poll(async () => await watcher.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER))
          .toEqual(['127.0.0.1', String(replica.port)]);
      }
      await setDownAfter(STABLE_MS);
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
      `sentinel down-after-milliseconds ${MASTER} ${STABLE_MS}`,
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
