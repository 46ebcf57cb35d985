import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished } from 'vitest';
import { type Child, startChild } from '../../src/demo/child.ts';
import { freePort } from '../../src/demo/free-port.ts';

/** A redis-server with custom settings; stopped after the test. */
export interface CustomRedis {
  readonly port: number;
  readonly dir: string;
  readonly child: Child;
}

/**
 * @param settings redis.conf settings besides port, bind and dir; `{port}` is replaced by the port
 * @param given the port; default any free port
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

/** Resolves when a replica has all data of its primary. @param key a key that this function may write */
export async function untilReplicated(primary: Redis, key: string): Promise<void> {
  await primary.set(key, '');
  expect(await primary.wait(1, 0)).toBe(1);
}

/**
 * Starts a Redis with a user `uploads` that has the documented rights.
 * @returns `admin`, a connection of the default user, and `url`, for the user `uploads`
 */
export async function startRestrictedRedis(
  rights: { readonly prefix: string; readonly password: string },
  settings: Readonly<Record<string, string>> = {},
): Promise<{ readonly port: number; readonly admin: Redis; readonly url: string }> {
  const { port } = await startRedis(settings);
  const admin = new Redis({ port });
  onTestFinished(() => admin.disconnect());
  await grantDocumentedRights(admin, rights);
  const url = `redis://uploads:${encodeURIComponent(rights.password)}@127.0.0.1:${port}`;
  return { port, admin, url };
}

/** Creates a user `uploads` with the rights of docs/security.md. */
export async function grantDocumentedRights(
  admin: Redis,
  { prefix, password }: { readonly prefix: string; readonly password: string },
): Promise<void> {
  const text = await readFile(new URL('../../docs/security.md', import.meta.url), 'utf8');
  const [, rights = ''] = /ACL SETUSER uploads ([\s\S]*?)\n```/.exec(text) ?? [];
  const words = rights
    .replaceAll(/\\?\s+/g, ' ')
    .trim()
    .replaceAll('{vod}', prefix)
    .split(' ');
  expect(words).toContain('>PASSWORD');
  const given = words.map((word) => (word === '>PASSWORD' ? `>${password}` : word));
  await admin.acl('SETUSER', 'uploads', ...given);
}
