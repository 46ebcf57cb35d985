import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { CliProcess } from '../support/cli-process.ts';
import { ROOT } from '../support/process.ts';
import { startProducer } from '../support/producer.ts';
import { startRedis } from '../support/redis.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source } = useWorld();

async function startRedisWithAdmin(): Promise<{ readonly url: string; readonly admin: Redis }> {
  const { port } = await startRedis({});
  const url = `redis://127.0.0.1:${port}`;
  const admin = new Redis(url);
  onTestFinished(() => admin.disconnect());
  await admin.ping();
  return { url, admin };
}

/** Connections of others. */
async function connectionsOn(admin: Redis): Promise<number> {
  return (
    String(await admin.client('LIST'))
      .trim()
      .split('\n').length - 1
  );
}

/** How many connections something takes, as `.env.example` has it. */
async function documented(pattern: RegExp): Promise<number> {
  const [, number] = pattern.exec(await readFile(join(ROOT, '.env.example'), 'utf8')) ?? [];
  return Number(number);
}

test('processes take as many connections as is written', async () => {
  const { url, admin } = await startRedisWithAdmin();
  const worker = await world().worker({ REDIS_URL: url }).ready();
  expect(await documented(/A worker takes (\d+) connections/)).toBeGreaterThan(0);
  await expect.poll(() => connectionsOn(admin)).toBe(await documented(/A worker takes (\d+) connections/));
  await worker.end();
  const ops = await world().ops({ REDIS_URL: url }).ready();
  await expect.poll(() => connectionsOn(admin)).toBe(await documented(/`ops` (\d+),/));
  await ops.end();
  const uploads = startProducer(world(), url);
  const upload = await uploads.add({ source: await source('counted.mp4', 10) });
  await expect.poll(() => connectionsOn(admin)).toBe(await documented(/application (\d+)/));
  // With somebody who waits for an upload.
  upload.result().catch(() => {});
  await expect.poll(() => connectionsOn(admin)).toBe(1 + (await documented(/(\d+) more while/)));
});

test('a Redis that takes no more connections is named by the worker, ops, an application and the command line', async () => {
  const { url, admin } = await startRedisWithAdmin();
  await admin.config('SET', 'maxclients', '6');
  const metricsPort = await freePort();
  const env = { REDIS_URL: url, METRICS_PORT: String(metricsPort), LOG_LEVEL: 'info' };
  const worker = world().worker(env);
  const refused = { level: 'warn', reply: 'ERR max number of clients reached' };
  const isRefusal = ({ msg }: { readonly msg?: string }) => msg === 'redis takes no more connections';
  const told = await worker.line(isRefusal);
  expect(told).toMatchObject({ ...refused, fix: expect.stringContaining('CONFIG SET maxclients') });
  const unready = await fetch(`http://127.0.0.1:${metricsPort}/readyz`);
  expect(unready.status).toBe(503);
  expect(await unready.text()).toMatch(/^Redis takes no more connections .*Raise its maxclients/);

  const ops = world().ops({ REDIS_URL: url });
  expect(await ops.line(isRefusal)).toMatchObject(refused);
  const path = await source('full.mp4', 10);
  const uploads = startProducer(world(), url);
  await expect(uploads.add({ source: path })).rejects.toThrow(
    /takes no more connections \(ERR max number of clients reached\)\. Raise its maxclients/,
  );
  const cliEnv = { REDIS_URL: url, QUEUE_PREFIX: world().prefix, SOURCE_ROOTS: world().sources };
  const added = await new CliProcess(['add', path], { env: cliEnv, cwd: world().sources }).ended;
  expect(added).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('max number of clients') });

  await admin.config('SET', 'maxclients', '100');
  await Promise.all([worker.ready(), ops.ready()]);
  const upload = await uploads.add({ source: path });
  expect((await upload.result()).outcome).toBe('completed');
  await expect.poll(async () => (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).status).toBe(200);
});

test('a worker that gets no connection at all waits, says so, and begins when it gets them', async () => {
  const { url, admin } = await startRedisWithAdmin();
  await admin.config('SET', 'maxclients', '1');
  const worker = world().worker({ REDIS_URL: url });
  await worker.line(({ msg }) => msg === 'redis takes no more connections');
  await admin.config('SET', 'maxclients', '100');
  await worker.ready();
});
