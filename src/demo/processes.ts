import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../config/environment.ts';
import type { VodApi } from '../vod/wire/protocol.ts';
import { type Child, startChild } from './child.ts';
import type { Cleanup } from './cleanup.ts';
import { demoRedis } from './demo-redis.ts';
import { shellCommand } from './shell-command.ts';

/** The demo's processes: Redis, emulator and worker. */
export interface DemoProcesses {
  readonly redisUrl: string;
  readonly prefix: string;
  /** Control endpoint of the emulator. */
  readonly controlUrl: string;
  /** Metrics and health of the worker. */
  readonly workerUrl: string;
  /** Rejects when one of the processes ends on its own. */
  readonly died: Promise<never>;
  /** The last output lines of the worker. */
  workerLines(): readonly string[];
  /** A shell command, for any directory, that runs `vod-upload` with the same Redis and source root. */
  shellCommand(args: readonly string[]): string;
  /** Starts another `vod-upload` process with the same Redis. */
  start(args: readonly string[], ready: RegExp, variables?: Environment): Promise<Child>;
}

/** The running command line, from the sources or from `dist`. */
const CLI = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../cli.ts' : '../cli.js', import.meta.url),
);

/** The user's VOD_* variables are not inherited: the demo must not use their credentials or endpoint. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'TZ', 'LANG', 'SystemRoot'] as const;

export async function startProcesses(options: {
  readonly api: VodApi;
  readonly env: Environment;
  /** Directory for data. */
  readonly dir: string;
  /** Directory of the files to upload. */
  readonly sourceRoot: string;
  readonly cleanups: Cleanup[];
  readonly signal: AbortSignal;
}): Promise<DemoProcesses> {
  const { api, env, dir, sourceRoot, cleanups, signal } = options;
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, env[name]]));
  const start: DemoProcesses['start'] = async (args, ready, variables = {}) => {
    const child = await startChild({
      label: `vod-upload ${args[0]}`,
      command: process.execPath,
      args: [CLI, ...args],
      env: { ...inherited, ...variables },
      ready,
      signal,
    });
    cleanups.push(() => child.stop());
    return child;
  };
  const starting = [
    demoRedis({ url: env.REDIS_URL, dir: join(dir, 'redis'), cleanups, signal }),
    startEmulator(start, join(dir, 'emulator'), api),
  ] as const;
  // After an error too, waits for both: a process that starts later would miss the cleanup.
  await Promise.allSettled(starting);
  const [redis, emulator] = await Promise.all(starting);
  const common = {
    REDIS_URL: redis.url,
    QUEUE_PREFIX: redis.prefix,
    LOG_FORMAT: 'json',
    VOD_API: api,
  };
  const worker = await start(['worker'], /worker is ready/, {
    ...common,
    ...emulator.variables,
    SOURCE_ROOTS: sourceRoot,
    SHUTDOWN_TIMEOUT_MS: '2000',
    METRICS_HOST: '127.0.0.1',
    METRICS_PORT: '0',
  });
  const died = Promise.race([redis.died, emulator.died, worker.died]);
  died.catch(() => {});
  const shellVariables = {
    // A REDIS_URL of the user is set in their shell already, and may contain a password.
    ...(redis.url !== env.REDIS_URL && { REDIS_URL: redis.url }),
    QUEUE_PREFIX: redis.prefix,
    SOURCE_ROOTS: sourceRoot,
    ...(api !== 'v2' && { VOD_API: api }),
  };
  return {
    redisUrl: redis.url,
    prefix: redis.prefix,
    controlUrl: emulator.controlUrl,
    workerUrl: (JSON.parse(worker.readyLine) as { statusUrl: string }).statusUrl,
    died,
    workerLines: () => worker.lastLines(),
    shellCommand: (args) => shellCommand([process.execPath, CLI, ...args], shellVariables),
    start: (args, ready, more) => start(args, ready, { ...common, ...more }),
  };
}

async function startEmulator(start: DemoProcesses['start'], dataDir: string, api: VodApi) {
  const secrets = ['--secret-id', 'AKIDdemo', '--secret-key', randomBytes(16).toString('hex')];
  const ports = ['--port', '0', '--control-port', '0'];
  const child = await start(['emulator', '--json', ...ports, '--data', dataDir, ...secrets], /^\{"url"/);
  const { controlUrl, variables, api3Variables } = JSON.parse(child.readyLine) as {
    controlUrl: string;
    variables: Record<string, string>;
    api3Variables: Record<string, string>;
  };
  return { controlUrl, variables: api === 'v2' ? variables : api3Variables, died: child.died };
}
