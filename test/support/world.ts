import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../src/demo/free-port.ts';
import { type RedisServer, startRedisServer } from '../../src/demo/redis-server.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/server.ts';
import { VodUploads } from '../../src/index.ts';
import { LoggedProcess } from './process.ts';
import { parseMetrics, type Series, sumOf } from './prometheus-text.ts';

export const SECRET_ID = 'AKIDtest0000planted0id';
export const SECRET_KEY = 'planted0secret0key0for0tests';

/** The emulator's account, as workers know it; nothing limits it. */
export const ACCOUNT = {
  VOD_SECRET_ID: SECRET_ID,
  VOD_SECRET_KEY: SECRET_KEY,
  VOD_QUOTA_INIT_PER_MINUTE: '0',
  VOD_QUOTA_PART_PER_MINUTE: '0',
  VOD_QUOTA_FINISH_PER_MINUTE: '0',
  VOD_QUOTA_TRANSCODE_PER_MINUTE: '0',
  VOD_QUOTA_EVENT_PER_MINUTE: '0',
} as const;

/** A worker process. */
export class WorkerProcess extends LoggedProcess {
  /** Resolves when it takes jobs. */
  async ready(): Promise<this> {
    await this.line(({ msg }) => msg === 'worker is ready');
    return this;
  }

  /** What it serves at /metrics. */
  async metrics(): Promise<Series[]> {
    const { statusUrl } = await this.line(({ msg }) => msg === 'worker is ready');
    return parseMetrics(await (await fetch(`${statusUrl}/metrics`)).text());
  }

  /** A counter's or gauge's value, summed over the series that have all of these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sumOf(await this.metrics(), name, labels);
  }

  /** Peak resident memory in bytes, as the kernel counts it. */
  async peakMemory(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }
}

/** A `vod-upload ops` process. */
export class OpsProcess extends LoggedProcess {
  #url: string | undefined;

  /** Resolves when it serves its pages and is connected to Redis. */
  async ready(): Promise<this> {
    const { url } = await this.line(({ msg }) => msg === 'ops is ready');
    this.#url = url as string;
    return this;
  }

  /** `http://127.0.0.1:port`, once it is {@link ready}. */
  get url(): string {
    if (this.#url === undefined) throw new Error('not ready() yet');
    return this.#url;
  }
}

export interface WorldOptions {
  /** A Redis that others use as well; absent: one of the world's own, with AOF. */
  readonly redisUrl?: string | undefined;
  readonly emulator?: Partial<EmulatorOptions>;
}

/**
 * All that an upload needs, real: a Redis, with a key prefix of the world's own, an emulator of VOD, a directory for
 * sources, worker processes, a producer.
 */
export class World {
  readonly redisUrl: string;
  /** Absent when it is others', too, and so not ours to kill. */
  readonly redis: RedisServer | undefined;
  readonly prefix = `{test-${randomBytes(5).toString('hex')}}`;
  /** Sources live here; the workers' only root. */
  readonly sources: string;
  readonly uploads: VodUploads;
  emulator: Emulator;
  readonly #dir: string;
  readonly #emulatorOptions: EmulatorOptions;
  readonly #processes: LoggedProcess[] = [];

  private constructor(parts: {
    dir: string;
    redisUrl: string;
    redis: RedisServer | undefined;
    emulator: Emulator;
    emulatorOptions: EmulatorOptions;
  }) {
    this.#dir = parts.dir;
    this.redisUrl = parts.redisUrl;
    this.redis = parts.redis;
    this.emulator = parts.emulator;
    this.#emulatorOptions = parts.emulatorOptions;
    this.sources = join(parts.dir, 'sources');
    this.uploads = new VodUploads({
      connection: this.redisUrl,
      prefix: this.prefix,
      sourceRoots: [this.sources],
    });
  }

  static async create({ redisUrl, emulator: given }: WorldOptions = {}): Promise<World> {
    const dir = await mkdtemp(join(tmpdir(), 'vod-world-'));
    await mkdir(join(dir, 'sources'));
    const redis = redisUrl === undefined ? await startRedisServer() : undefined;
    const emulatorOptions = {
      dataDir: join(dir, 'vod'),
      secretId: SECRET_ID,
      secretKey: SECRET_KEY,
      // It stays the emulator's while that is away.
      port: await freePort(),
      ...given,
    };
    const emulator = await startEmulator(emulatorOptions);
    return new World({ dir, redisUrl: redisUrl ?? redis?.url ?? '', redis, emulator, emulatorOptions });
  }

  /**
   * What a worker of this world needs. Backoffs, probes and stall checks are short, so that tests are; locks last as long
   * as they do by default, so that a busy machine loses none: see {@link expireLocks}.
   */
  get workerEnvironment(): Record<string, string> {
    return {
      REDIS_URL: this.redisUrl,
      QUEUE_PREFIX: this.prefix,
      VOD_ENDPOINT: this.emulator.url,
      VOD_EVENT_ENDPOINT: this.emulator.url,
      ...ACCOUNT,
      SOURCE_ROOTS: this.sources,
      // The first worker that does not see a file says so at once.
      SOURCE_GRACE_MS: '0',
      BACKOFF_BASE_MS: '20',
      BACKOFF_MAX_MS: '200',
      STALLED_INTERVAL_MS: '200',
      OUTAGE_PROBE_MS: '200',
      ACCOUNT_PROBE_MS: '300',
      METRICS_PORT: '0',
      LOG_LEVEL: 'debug',
    };
  }

  /** Starts a worker process, of the sources unless another program is named. It ends with the test. */
  worker(
    env: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
    program = 'workers/main.ts',
  ): WorkerProcess {
    const worker = new WorkerProcess([program, ...args], { ...this.workerEnvironment, ...env });
    this.#processes.push(worker);
    return worker;
  }

  /** Starts a worker as the README does, by npm; the process that is returned is npm's. It ends with the test. */
  workerByNpm(): WorkerProcess {
    const worker = new WorkerProcess(
      ['run', '-s', 'vod-upload', '--', 'worker'],
      this.workerEnvironment,
      'npm',
    );
    this.#processes.push(worker);
    return worker;
  }

  /**
   * Starts `vod-upload ops` on a free port of this machine, without users; of the sources unless another program is
   * named. It ends with the test.
   */
  ops(env: Readonly<Record<string, string>> = {}, program = 'src/cli.ts'): OpsProcess {
    const ops = this.startOps(env, program);
    this.#processes.push(ops);
    return ops;
  }

  /** Like {@link ops}, and ends only when it is told to. */
  startOps(env: Readonly<Record<string, string>> = {}, program = 'src/cli.ts'): OpsProcess {
    const usual = { REDIS_URL: this.redisUrl, QUEUE_PREFIX: this.prefix, OPS_PORT: '0', LOG_LEVEL: 'debug' };
    return new OpsProcess([program, 'ops'], { ...usual, ...env });
  }

  /**
   * Time passes for the locks of all jobs that are at work: they run out, as by themselves when the worker that holds
   * them is dead or frozen. To be called while no other worker runs, which would lose its own.
   * @param redis where they are; default the world's own
   */
  async expireLocks(redis?: Redis): Promise<void> {
    await forgetKeys(this, 'vod-*:*:lock', redis);
  }

  /** Time passes for the leases of consumers: that of a process that is dead or frozen runs out, as by itself. */
  async expireLeases(): Promise<void> {
    await forgetKeys(this, 'vod-consumer-lease:*');
  }

  /** VOD is gone, until {@link startEmulator}. */
  async stopEmulator(): Promise<void> {
    await this.emulator.close();
  }

  /** The emulator again, on its port and with what it had on disk. */
  async startEmulator(): Promise<void> {
    this.emulator = await startEmulator(this.#emulatorOptions);
  }

  /** Between tests of a file: no process, no fault, no count is left. */
  async reset(): Promise<void> {
    await Promise.all(this.#processes.splice(0).map((started) => started.end()));
    this.emulator.control.clearFaults();
    this.emulator.control.resetStats();
    await forgetKeys(this, '*');
  }

  async close(): Promise<void> {
    await this.reset();
    await this.uploads.close();
    await this.emulator.close();
    await this.redis?.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/**
 * Removes keys of this prefix.
 * @param pattern of their names, without the prefix
 * @param given where they are; default the Redis of the URL
 */
export async function forgetKeys(
  { redisUrl, prefix }: { readonly redisUrl: string; readonly prefix: string },
  pattern: string,
  given?: Redis,
): Promise<void> {
  const redis = given ?? new Redis(redisUrl);
  const keys = await redis.keys(`${prefix.replace(/[{}]/g, '?')}:${pattern}`);
  if (keys.length > 0) await redis.unlink(keys);
  if (given === undefined) redis.disconnect();
}
