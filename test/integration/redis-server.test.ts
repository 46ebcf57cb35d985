import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { startRedisServer } from '../../src/demo/redis-server.ts';

async function ask<T>(url: string, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, { retryStrategy: () => null });
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('is private, evicts no keys, and restarts on the same port after a crash', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vod-redis-test-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const server = await startRedisServer({ dir });
  onTestFinished(() => server.stop());
  const { url, pid } = server;
  expect(await ask(url, (redis) => redis.config('GET', 'maxmemory-policy'))).toEqual([
    'maxmemory-policy',
    'noeviction',
  ]);
  expect(await ask(url, (redis) => redis.config('GET', 'bind'))).toEqual(['bind', '127.0.0.1']);
  await ask(url, (redis) => redis.set('key', 'value'));
  await server.kill();
  expect(isAlive(pid)).toBe(false);
  await server.restart();
  expect(server.url).toBe(url);
  expect(server.pid).not.toBe(pid);
  expect(await ask(url, (redis) => redis.get('key'))).toBe('value');
  await server.stop();
  expect(isAlive(server.pid)).toBe(false);
  // A given directory and its data are kept.
  expect(await readdir(dir)).toContain('appendonlydir');
});

test('two servers use different ports, and remove their temporary directories', async () => {
  const servers = await Promise.all([startRedisServer(), startRedisServer()]);
  const [one, two] = servers;
  expect(one.port).not.toBe(two.port);
  await Promise.all(servers.map((server) => server.stop()));
  for (const { dir } of servers) await expect(readdir(dir)).rejects.toThrow('ENOENT');
});

test('reports a port in use, with the server’s output', async () => {
  const server = await startRedisServer();
  onTestFinished(() => server.stop());
  await expect(startRedisServer({ port: server.port })).rejects.toThrow(
    /ended \(exit code 1\)(.|\n)*in use/i,
  );
});

test('notices a server that ends on its own', async () => {
  const server = await startRedisServer();
  onTestFinished(() => server.stop());
  const noticed = expect(server.died).rejects.toThrow(/SIGKILL/);
  process.kill(server.pid, 'SIGKILL');
  await noticed;
});
