import { mkdir, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { type Child, startChild } from '../../src/demo/child.ts';
import { type RedisServer, startRedisServer } from '../../src/demo/redis-server.ts';
import { VodUploads } from '../../src/index.ts';
import type { VodApi } from '../../src/vod/wire/protocol.ts';
import { writeSparseFile } from '../support/files.ts';
import { LoggedProcess, ROOT } from '../support/process.ts';
import { runDirectory } from '../support/whole-run.ts';
import { ACCOUNT, OpsProcess, WorkerProcess } from '../support/world.ts';
import type { SinkStats } from './sink.ts';
import { cpuMs } from './usage.ts';

/** Cost of an action. */
export interface Usage {
  readonly wallMs: number;
  /** CPU of all workers together. */
  readonly workerMs: number;
  readonly redisMs: number;
  readonly sinkMs: number;
  /** Commands executed by Redis, including those in scripts. */
  readonly commands: number;
  /** Bytes to and from Redis. */
  readonly redisBytes: number;
}

export interface RigOptions {
  /** Program of a worker, relative to the repository. */
  readonly program: string;
  /** Which API the workers use. Default v2. */
  readonly api?: VodApi;
  /** Latency of the sink. */
  readonly latencyMs?: number;
  /** Speed of the line to the sink, in bytes per second; default: none is simulated. */
  readonly bytesPerSecond?: number;
}

/** The private environment of a benchmark: Redis with AOF, a sink, sources and workers, on the loopback interface. */
export class Rig {
  readonly uploads: VodUploads;
  readonly redisUrl: string;
  readonly prefix = '{vod}';
  readonly sinkUrl: string;
  readonly #api: VodApi;
  readonly #dir: string;
  readonly #program: string;
  readonly #redis: RedisServer;
  readonly #client: Redis;
  readonly #sink: Child;
  #workers: WorkerProcess[] = [];
  #ops: OpsProcess | undefined;

  private constructor(
    dir: string,
    { program, api = 'v2' }: RigOptions,
    { redis, sink }: { readonly redis: RedisServer; readonly sink: Child },
  ) {
    this.#dir = dir;
    this.#program = program;
    this.#api = api;
    this.#redis = redis;
    this.#sink = sink;
    this.redisUrl = redis.url;
    this.#client = new Redis(redis.url);
    this.sinkUrl = `http://127.0.0.1:${/\d+$/.exec(sink.readyLine)?.[0]}/v2/index.php`;
    this.uploads = new VodUploads({ connection: redis.url, api, sourceRoots: [this.sources] });
  }

  static async start(options: RigOptions): Promise<Rig> {
    const { latencyMs = 0, bytesPerSecond } = options;
    const dir = await runDirectory('vod-bench-');
    await mkdir(join(dir, 'sources'));
    const redis = await startRedisServer({ dir: join(dir, 'redis') });
    const sink = await startChild({
      label: 'sink',
      command: process.execPath,
      args: [
        join(import.meta.dirname, 'sink.ts'),
        String(latencyMs),
        ...(bytesPerSecond === undefined ? [] : [String(bytesPerSecond)]),
      ],
      ready: /listening on \d+/,
    });
    return new Rig(dir, options, { redis, sink });
  }

  get sources(): string {
    return join(this.#dir, 'sources');
  }

  /** Starts a worker with default settings but without quotas. */
  async worker(
    env: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess([join(ROOT, this.#program), ...args], {
      REDIS_URL: this.#redis.url,
      ...this.#vodEnvironment,
      ...ACCOUNT,
      SOURCE_ROOTS: this.sources,
      METRICS_PORT: '0',
      LOG_LEVEL: 'info',
      LOG_FORMAT: 'json',
      ...env,
    });
    this.#workers.push(worker);
    return await worker.ready();
  }

  /** Starts `vod-upload ops` with default settings. */
  async ops(more: Readonly<Record<string, string>> = {}): Promise<OpsProcess> {
    const program = this.#program.replace('workers/main', 'src/cli');
    const env = { REDIS_URL: this.redisUrl, OPS_PORT: '0', LOG_LEVEL: 'info', LOG_FORMAT: 'json', ...more };
    this.#ops = new OpsProcess([join(ROOT, program), 'ops'], env);
    return await this.#ops.ready();
  }

  /** Ends all workers with SIGTERM. */
  async endWorkers(): Promise<void> {
    const workers = this.#workers;
    this.#workers = [];
    await Promise.all(workers.map((worker) => worker.end('SIGTERM')));
  }

  /** Runs `vod-upload` with these arguments to its end. */
  async command(args: readonly string[]): Promise<void> {
    const program = join(ROOT, this.#program.replace('workers/main', 'src/cli'));
    const command = new LoggedProcess([program, ...args], { REDIS_URL: this.redisUrl });
    const { code } = await command.exited;
    if (code !== 0) throw new Error(`vod-upload ${args.join(' ')} ended with ${code}: ${command.output}`);
  }

  /** Deletes everything in Redis. */
  async flush(): Promise<void> {
    await this.#client.flushall();
  }

  async endOps(): Promise<void> {
    await this.#ops?.end('SIGTERM');
    this.#ops = undefined;
  }

  /** Creates a sparse source, which is read as fast as memory. */
  sparseFile(name: string, size: number): Promise<string> {
    return writeSparseFile(join(this.sources, name), size);
  }

  /** Changes the file, so that its cached SHA-1 is not used. */
  async touch(path: string): Promise<void> {
    const now = new Date();
    await utimes(path, now, now);
  }

  /** Returns and resets the counts of the sink. */
  async takeStats(): Promise<SinkStats> {
    const { origin } = new URL(this.sinkUrl);
    return (await (await fetch(origin, { method: 'DELETE' })).json()) as SinkStats;
  }

  /** @returns a number from Redis' INFO */
  async redisInfo(name: string): Promise<number> {
    const value = new RegExp(`^${name}:(\\d+)`, 'm').exec(await this.#client.info())?.[1];
    if (value === undefined) throw new Error(`Redis' INFO has no ${name}`);
    return Number(value);
  }

  /** Measures the cost of an action. */
  async measure(action: () => Promise<unknown>): Promise<Usage> {
    const before = await this.#counters();
    const startedAt = performance.now();
    await action();
    const wallMs = performance.now() - startedAt;
    const after = await this.#counters();
    const [workerMs = 0, redisMs = 0, sinkMs = 0, commands = 0, redisBytes = 0] = after.map(
      (value, index) => value - (before[index] ?? 0),
    );
    return { wallMs, workerMs, redisMs, sinkMs, commands, redisBytes };
  }

  async close(): Promise<void> {
    await this.endWorkers();
    await this.endOps();
    await this.uploads.close();
    this.#client.disconnect();
    await this.#sink.stop();
    await this.#redis.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  get #vodEnvironment(): Record<string, string> {
    if (this.#api === 'v2') return { VOD_ENDPOINT: this.sinkUrl };
    const { origin } = new URL(this.sinkUrl);
    return { VOD_API: this.#api, VOD_ENDPOINT: origin, VOD_COS_ENDPOINT: `${origin}/{bucket}` };
  }

  async #counters(): Promise<number[]> {
    const workers = await Promise.all(this.#workers.map(({ pid }) => cpuMs(pid)));
    return [
      workers.reduce((sum, ms) => sum + ms, 0),
      await cpuMs(this.#redis.pid),
      await cpuMs(this.#sink.pid),
      await this.redisInfo('total_commands_processed'),
      (await this.redisInfo('total_net_input_bytes')) + (await this.redisInfo('total_net_output_bytes')),
    ];
  }
}

/** Runs `use` with a rig, and removes it afterwards. */
export async function withRig<T>(options: RigOptions, run: (rig: Rig) => Promise<T>): Promise<T> {
  const rig = await Rig.start(options);
  try {
    return await run(rig);
  } finally {
    await rig.close();
  }
}
