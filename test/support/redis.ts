import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Child, startChild } from '../../src/demo/child.ts';
import { freePort } from '../../src/demo/redis-server.ts';

/** A redis-server with settings of the test's choice; it ends with the test. */
export interface CustomRedis {
  readonly port: number;
  readonly dir: string;
  readonly child: Child;
}

/**
 * @param settings of redis.conf, beside port, bind and dir; `{port}` stands for the port
 * @param given the port; default any free one
 */
export async function startRedis(
  settings: Readonly<Record<string, string>>,
  given?: number,
): Promise<CustomRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'vod-custom-redis-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const port = given ?? (await freePort());
  const all: Record<string, string> = { port: String(port), bind: '127.0.0.1', dir, save: '', ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => [
    `--${name}`,
    ...(value === '' ? [''] : value.replaceAll('{port}', String(port)).split(' ')),
  ]);
  const child = await startChild({
    label: 'redis-server',
    command: 'redis-server',
    args,
    ready: /Ready to accept connections/,
  });
  onTestFinished(() => child.stop());
  return { port, dir, child };
}
