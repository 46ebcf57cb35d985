import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Environment } from '../config/environment.ts';
import { type Child, startChild } from './child.ts';
import { startRedisServer } from './redis-server.ts';

/** Redis, emulator and worker: everything that an upload takes, as processes of their own. */
export interface Rig {
  readonly redisUrl: string;
  readonly prefix: string;
  /** Of the emulator. */
  readonly controlUrl: string;
  /** What the worker serves: its metrics and health. */
  readonly workerUrl: string;
  /** Rejects when one of the processes ends by itself. */
  readonly died: Promise<never>;
  /** What the worker wrote last. */
  workerLines(): readonly string[];
  /** A command for a shell, in whatever directory, that runs this command line with the same Redis and sources. */
  shellCommand(args: readonly string[]): string;
  /** Starts one more of this command line's processes, with the same Redis. */
  start(args: readonly string[], ready: RegExp, variables?: Environment): Promise<Child>;
}

/** To be run in the reverse order, whatever happens. */
export type Undo = () => Promise<unknown>;

/** This command line, as it runs now: from the sources or from `dist`. */
const CLI = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../cli.ts' : '../cli.js', import.meta.url),
);

/** The user's VOD_* must not reach the children: neither are their credentials used, nor is their endpoint. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'TZ', 'LANG', 'SystemRoot'] as const;

export async function startRig(options: {
  readonly env: Environment;
  /** A folder for its data. */
  readonly dir: string;
  /** The directory of the files to upload. */
  readonly sourceRoot: string;
  readonly undo: Undo[];
  readonly signal: AbortSignal;
}): Promise<Rig> {
  const { env, dir, sourceRoot, undo, signal } = options;
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, env[name]]));
  const start = async (
    args: readonly string[],
    ready: RegExp,
    variables: Environment = {},
  ): Promise<Child> => {
    const child = await startChild({
      label: `vod-upload ${args[0]}`,
      command: process.execPath,
      args: [CLI, ...args],
      env: { ...inherited, ...variables },
      ready,
      signal,
    });
    undo.push(() => child.stop());
    return child;
  };
  const secrets = ['--secret-id', 'AKIDdemo', '--secret-key', randomBytes(16).toString('hex')];
  const ports = ['--port', '0', '--control-port', '0'];
  const place = ['--data', join(dir, 'emulator')];
  const both = await Promise.allSettled([
    redisOf(env.REDIS_URL, dir, undo, signal),
    start(['emulator', '--json', ...ports, ...place, ...secrets], /^\{"url"/),
  ]);
  for (const one of both) if (one.status === 'rejected') throw one.reason;
  const [redis, emulator] = both.map((one) => (one as PromiseFulfilledResult<unknown>).value) as [
    { url: string; prefix: string; died: Promise<never> },
    Child,
  ];
  const { controlUrl, variables } = JSON.parse(emulator.readyLine) as {
    controlUrl: string;
    variables: Record<string, string>;
  };
  const common = { REDIS_URL: redis.url, QUEUE_PREFIX: redis.prefix, LOG_FORMAT: 'json' };
  const worker = await start(['worker'], /worker is ready/, {
    ...common,
    ...variables,
    SOURCE_ROOTS: sourceRoot,
    SHUTDOWN_TIMEOUT_MS: '2000',
    METRICS_HOST: '127.0.0.1',
    METRICS_PORT: '0',
  });
  const died = Promise.race([redis.died, emulator.died, worker.died]);
  died.catch(() => {});
  return {
    redisUrl: redis.url,
    prefix: redis.prefix,
    controlUrl,
    workerUrl: (JSON.parse(worker.readyLine) as { statusUrl: string }).statusUrl,
    died,
    workerLines: () => worker.lastLines(),
    shellCommand: (args) => {
      const variables = {
        // Whoever has named a Redis has the variable in the shell, and perhaps a password in it.
        ...(redis.url !== env.REDIS_URL && { REDIS_URL: redis.url }),
        QUEUE_PREFIX: redis.prefix,
        SOURCE_ROOTS: sourceRoot,
      };
      const assignments = Object.entries(variables).map(([name, value]) => `${name}=${shellQuoted(value)}`);
      return [...assignments, ...[process.execPath, CLI, ...args].map(shellQuoted)].join(' ');
    },
    start: (args, ready, more) => start(args, ready, { ...common, ...more }),
  };
}

/** A word as a shell takes it for one. */
function shellQuoted(word: string): string {
  return /^[\w@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The user's Redis when the environment names one, with keys of our own; else a private one. */
async function redisOf(
  url: string | undefined,
  dir: string,
  undo: Undo[],
  signal: AbortSignal,
): Promise<{ url: string; prefix: string; died: Promise<never> }> {
  if (url !== undefined && url !== '') {
    const prefix = `{vod-demo-${randomBytes(6).toString('hex')}}`;
    undo.push(() => removeKeys(url, prefix));
    return { url, prefix, died: new Promise(() => {}) };
  }
  const server = await startRedisServer({ dir: join(dir, 'redis'), signal });
  undo.push(() => server.stop());
  return { url: server.url, prefix: '{vod-demo}', died: server.died };
}

async function removeKeys(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on('error', () => {});
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 }) as AsyncIterable<
      string[]
    >) {
      if (keys.length > 0) await redis.unlink(...keys);
    }
  } finally {
    redis.disconnect();
  }
}
