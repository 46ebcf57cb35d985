import { tmpdir } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LoggedProcess, ROOT } from '../../support/process.ts';

const MIB = 2 ** 20;

/**
 * Garbage that is collected before `keepHeapSmall` runs can double the young generation, once or twice. Without it, loading
 * a program makes it 32 MiB or more.
 */
const YOUNG_MAX_BYTES = 8 * MIB;

/** A preloaded module that prints what the main thread has loaded, and the size of its heap, when the program exits. */
const PRINT_LOADED = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  import { getHeapSpaceStatistics } from 'node:v8';
  import { isMainThread } from 'node:worker_threads';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  process.on('exit', () => {
    const { space_size: youngBytes } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    if (isMainThread) process.stderr.write(JSON.stringify({ loaded, youngBytes }) + '\\n');
  });
`)}`;

interface Loaded {
  /** Packages of node_modules. */
  readonly packages: ReadonlySet<string>;
  /** The project's own modules, relative to its root. */
  readonly own: readonly string[];
  /** The young generation of the heap. */
  readonly youngBytes: number;
}

/** Runs a program until it exits, or until it waits for a Redis that does not exist. */
async function load(...args: string[]): Promise<Loaded> {
  const child = new LoggedProcess(args, {
    NODE_OPTIONS: PRINT_LOADED,
    REDIS_URL: 'redis://127.0.0.1:1',
    VOD_SECRET_ID: 'id',
    VOD_SECRET_KEY: 'key',
    SOURCE_ROOTS: tmpdir(),
    METRICS_PORT: '0',
    OPS_PORT: '0',
    LOG_FORMAT: 'json',
  });
  await child.line(({ msg, loaded }) => loaded !== undefined || /^redis is unreachable/.test(msg ?? ''));
  await child.end('SIGTERM');
  const line = await child.line(({ loaded }) => loaded !== undefined);
  const files = (line.loaded as string[])
    .filter((url) => url.startsWith('file:'))
    .map((url) => relative(ROOT, fileURLToPath(url)));
  return {
    packages: new Set(files.flatMap((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [])),
    own: files.filter((file) => !file.includes('node_modules/')),
    youngBytes: line.youngBytes as number,
  };
}

const WORKER_ONLY =
  /^workers\/|^src\/source\/(disk|thread-pool)\.ts$|^src\/upload\/hash\.ts$|^src\/vod\/http\//;
/** Of the emulator, commands know only names. */
const NOT_LOADED = /^src\/(emulator\/(?!protocol\/(api3-actions|cos-actions|signature-codes)\.ts$)|demo\/)/;
const OPS_ONLY = /^src\/ops\/(dashboard|uploads|app|start|queue-metrics)/;
/** prom-client loads the API of OpenTelemetry. */
const TRACING = /^@opentelemetry\/(?!api$)/;

describe('what a process loads', () => {
  it.each(['workers/main.ts', 'src/cli.ts worker'])(
    '%s: neither pages, nor tracing, nor the emulator',
    async (command) => {
      const { packages, own, youngBytes } = await load(...command.split(' '));
      expect(packages).toContain('got');
      expect([...packages].filter((name) => /hono|bull-board/.test(name) || TRACING.test(name))).toEqual([]);
      expect(own.filter((file) => OPS_ONLY.test(file) || NOT_LOADED.test(file))).toEqual([]);
      expect(youngBytes).toBeLessThanOrEqual(YOUNG_MAX_BYTES);
    },
  );

  it('ops: neither the worker, nor its HTTP client and threads, nor tracing, nor the emulator', async () => {
    const { packages, own, youngBytes } = await load('src/cli.ts', 'ops');
    expect(packages).toContain('hono');
    expect([...packages].filter((name) => name === 'got' || TRACING.test(name))).toEqual([]);
    expect(own.filter((file) => WORKER_ONLY.test(file) || NOT_LOADED.test(file))).toEqual([]);
    expect(youngBytes).toBeLessThanOrEqual(YOUNG_MAX_BYTES);
  });

  it('the help: nothing that reaches Redis or VOD', async () => {
    const { packages } = await load('src/cli.ts', '--help');
    expect(packages).toContain('commander');
    expect([...packages].filter((name) => /^(ioredis|got|prom-client|hono)$/.test(name))).toEqual([]);
  });
});
