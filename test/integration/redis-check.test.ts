import { describe, expect, test } from 'vitest';
import { startRedis } from '../support/redis.ts';
import { portWithBus } from '../support/redis-cluster.ts';
import { useWorld } from '../support/use-world.ts';
import type { WorkerProcess } from '../support/world.ts';

const { world } = useWorld();

const LOSING = { 'maxmemory-policy': 'allkeys-lru', appendonly: 'no' };
const SAFE = { 'maxmemory-policy': 'noeviction', appendonly: 'yes' };

async function workerOn(
  settings: Record<string, string>,
  env: Record<string, string> = {},
): Promise<WorkerProcess> {
  const { port } = await startRedis(settings);
  return world().worker({ REDIS_URL: `redis://127.0.0.1:${port}`, ...env });
}

/** All output lines, which must be JSON. */
function linesOf(worker: WorkerProcess): Record<string, unknown>[] {
  return worker.output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a Redis that can lose uploads', () => {
  test('is logged once per problem, with the fix, and only in the log', async () => {
    const worker = await (await workerOn(LOSING)).ready();
    await worker.end('SIGTERM');
    const warnings = linesOf(worker).filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([
      expect.objectContaining({
        msg: 'redis can lose uploads',
        problem: expect.stringContaining('allkeys-lru'),
        fix: expect.stringContaining('noeviction'),
      }),
      expect.objectContaining({
        msg: 'redis can lose uploads',
        problem: expect.stringContaining('persistence is off'),
        fix: expect.stringContaining('appendonly yes'),
      }),
    ]);
    expect(warnings[0]?.redis).toMatch(/^(Redis|Valkey) \d/);
  });

  test.each(['workers/main.ts', 'src/cli.ts'])(
    'ends the start with REQUIRE_DURABLE_REDIS=1 (%s)',
    async (program) => {
      const { port } = await startRedis(LOSING);
      const env = { REDIS_URL: `redis://127.0.0.1:${port}`, REQUIRE_DURABLE_REDIS: '1', LOG_LEVEL: 'info' };
      const worker = world().worker(env, program === 'src/cli.ts' ? ['worker'] : [], program);
      expect((await worker.exited).code).toBe(2);
      expect(worker.output).toMatch(/can't be trusted with uploads:\n.*allkeys-lru.*\n.*persistence is off/);
      expect(worker.output).not.toMatch(/ at .*\.ts:\d/);
    },
  );
});

test('a safe Redis is not mentioned, whether required or not', async () => {
  const worker = await (await workerOn(SAFE, { REQUIRE_DURABLE_REDIS: '1' })).ready();
  await worker.end('SIGTERM');
  expect(linesOf(worker).filter(({ level }) => level === 'warn')).toEqual([]);
});

test('save points count as persistence', async () => {
  const worker = await (
    await workerOn({ ...SAFE, appendonly: 'no', save: '3600 1' }, { REQUIRE_DURABLE_REDIS: '1' })
  ).ready();
  await worker.end('SIGTERM');
});

test('without the right to CONFIG, unknown persistence is logged at debug', async () => {
  const worker = await (
    await workerOn({ ...SAFE, appendonly: 'no', 'rename-command': 'CONFIG ' }, { REQUIRE_DURABLE_REDIS: '1' })
  ).ready();
  await worker.end('SIGTERM');
  expect(linesOf(worker).map(({ msg }) => msg)).toContainEqual(
    expect.stringContaining('persistence is unknown'),
  );
});

test('reports a cluster node that is configured as a single server', async () => {
  const { port } = await startRedis({ 'cluster-enabled': 'yes' }, await portWithBus());
  const worker = world().worker({ REDIS_URL: `redis://127.0.0.1:${port}` });
  expect((await worker.exited).code).toBe(2);
  expect(worker.output).toContain('it is a node of a cluster (set REDIS_CLUSTER_NODES instead of REDIS_URL)');
});
