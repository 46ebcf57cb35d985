import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Redis } from 'ioredis';

/** All text in a thrown value that a log, a dashboard or a debugger can show. */
export function everythingOf(thrown: unknown): string {
  const seen = new Set<unknown>();
  const found: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === 'string') found.push(value);
    if (value instanceof Uint8Array) found.push(Buffer.from(value).toString('latin1'));
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) walk(Reflect.get(value, key));
  };
  walk(thrown);
  return `${inspect(thrown, { depth: 20, showHidden: true, maxStringLength: null })}\n${found.join('\n')}`;
}

/** Names and contents of all keys of a Redis. */
export async function everythingIn(redis: Redis): Promise<string> {
  const keys = await redis.keys('*');
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return [...keys, ...dumps.map((dump) => dump?.toString('latin1') ?? '')].join('\n');
}

/** Contents of all files below a directory. */
export async function everythingBelow(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

/** What `ps` and `top` show to every user about a process and its threads. */
export async function titlesOf(pid: number): Promise<string> {
  const threads = await readdir(`/proc/${pid}/task`);
  const paths = [`/proc/${pid}/cmdline`, ...threads.map((thread) => `/proc/${pid}/task/${thread}/comm`)];
  return (await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')))).join('\n');
}

/** The encodings in which a secret may appear. */
export function formsOf(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64');
  return [secret, encodeURIComponent(secret), base64, Buffer.from(secret).toString('hex')];
}

/** A Signature or SecretId in a URL that was not redacted. A long text may be cut inside the parameter. */
export const SIGNED_URL = /\b(Signature|SecretId)=(?!\[|…|\xe2)[^\s]/;
