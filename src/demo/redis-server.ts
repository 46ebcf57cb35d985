import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UploaderError } from '../base/errors.ts';
import { type Child, startChild } from './child.ts';
import { freePort } from './free-port.ts';

export interface RedisServerOptions {
  /** Data directory; default a temporary one that `stop` removes. */
  readonly dir?: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Whether data is written to `dir` and kept across restarts; default true. */
  readonly appendonly?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A private Redis on the loopback interface. */
export interface RedisServer {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** PID of the current process; it changes with `restart`. */
  readonly pid: number;
  /** Rejects when the current process ends on its own. */
  readonly died: Promise<never>;
  /** Stops Redis, and removes a temporary data directory. */
  stop(): Promise<void>;
  /** Kills Redis as in a crash; data and port stay for `restart`. */
  kill(): Promise<void>;
  /** Stops Redis if it runs, and starts it again on the same port and data. */
  restart(): Promise<void>;
}

const PROGRAMS = ['redis-server', 'valkey-server'] as const;
/** A free port may be taken before Redis binds it; then another port is tried. */
const PORT_ATTEMPTS = 5;

/**
 * Starts a private Redis (or Valkey) with `noeviction`, as BullMQ requires.
 * @throws {UploaderError} REDIS_MISSING with the install command when neither is installed; CHILD_FAILED when it doesn't
 *   start
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { appendonly = true, signal } = options;
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'vod-upload-redis-')));
  const removeOwnDir = async (): Promise<void> => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  try {
    await mkdir(dir, { recursive: true });
    let { child, port } = await startOnPort(options.port, { dir, appendonly, signal });
    return {
      url: `redis://127.0.0.1:${port}`,
      port,
      dir,
      get pid() {
        return child.pid;
      },
      get died() {
        return child.died;
      },
      async stop() {
        await child.stop();
        await removeOwnDir();
      },
      kill: () => child.kill(),
      async restart() {
        await child.stop();
        ({ child, port } = await startOnPort(port, { dir, appendonly, signal: undefined }));
      },
    };
  } catch (error) {
    await removeOwnDir();
    throw error;
  }
}

interface StartOptions {
  readonly dir: string;
  readonly appendonly: boolean;
  readonly signal: AbortSignal | undefined;
}

async function startOnPort(
  wanted: number | undefined,
  options: StartOptions,
): Promise<{ child: Child; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort());
    try {
      return { child: await startAny(port, options), port };
    } catch (error) {
      const taken = /address already in use/i.test((error as Error).message);
      if (wanted !== undefined || !taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function startAny(port: number, { dir, appendonly, signal }: StartOptions): Promise<Child> {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    appendonly: appendonly ? 'yes' : 'no',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    logfile: '',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  for (const command of PROGRAMS) {
    try {
      return await startChild({
        label: command,
        command,
        args,
        ready: /Ready to accept connections/,
        signal,
      });
    } catch (error) {
      if (!(error instanceof UploaderError) || error.code !== 'CHILD_MISSING') throw error;
    }
  }
  throw new UploaderError(
    'REDIS_MISSING',
    'no redis-server or valkey-server on PATH. Install one (Debian, Ubuntu: apt-get install redis-server; ' +
      'Fedora: dnf install valkey; macOS: brew install redis), or set REDIS_URL to a running Redis',
  );
}
