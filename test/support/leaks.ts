import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import type { Redis } from 'ioredis';

/** Everything of a thrown thing that a log, a dashboard or a debugger can show. */
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

/** Every key of a Redis: its name and all that is in it. */
export async function everythingIn(redis: Redis): Promise<string> {
  const keys = await redis.keys('*');
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return [...keys, ...dumps.map((dump) => dump?.toString('latin1') ?? '')].join('\n');
}

/** Every file below a directory. */
export async function everythingBelow(dir: string): Promise<string> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

/** What `ps` and `top` show to everybody of a process and its threads. */
export async function titlesOf(pid: number): Promise<string> {
  const threads = await readdir(`/proc/${pid}/task`);
  const paths = [`/proc/${pid}/cmdline`, ...threads.map((thread) => `/proc/${pid}/task/${thread}/comm`)];
  return (await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => '')))).join('\n');
}

/** The forms in which a secret may turn up. */
export function formsOf(secret: string): string[] {
  const base64 = Buffer.from(secret).toString('base64');
  return [secret, encodeURIComponent(secret), base64, Buffer.from(secret).toString('hex')];
}

/** A signature, or a SecretId, that is a parameter of a URL and not taken out of it; a long text may be cut within that. */
export const SIGNED_URL = /\b(Signature|SecretId)=(?!\[|…|\xe2)[^\s]/;
