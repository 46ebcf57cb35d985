import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../src/demo/free-port.ts';
import { type RedisServer, startRedisServer } from '../../src/demo/redis-server.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/server.ts';
import { VodUploads } from '../../src/index.ts';
import type { VodApi } from '../../src/vod/wire/protocol.ts';
import { LoggedProcess } from './process.ts';
import { parseMetrics, type Series, sumOf } from './prometheus-text.ts';

export const SECRET_ID = 'AKIDtest0000planted0id';
export const SECRET_KEY = 'planted0secret0key0for0tests';

/** The emulator's account for workers, without quotas. */
export const ACCOUNT = {
  VOD_SECRET_ID: SECRET_ID,
  VOD_SECRET_KEY: SECRET_KEY,
  VOD_QUOTA_INIT_PER_MINUTE: '0',
  VOD_QUOTA_PART_PER_MINUTE: '0',
  VOD_QUOTA_FINISH_PER_MINUTE: '0',
  VOD_QUOTA_TRANSCODE_PER_MINUTE: '0',
  VOD_QUOTA_EVENT_PER_MINUTE: '0',
  VOD_QUOTA_PER_SECOND: '0',
} as const;

/** How many parts a worker of a world sends at a time, a fixed number by default. */
export const SLOTS = 8;

/** A worker process. */
export class WorkerProcess extends LoggedProcess {
  /** Resolves when it processes jobs. */
  async ready(): Promise<this> {
    await this.line(({ msg }) => msg === 'worker is ready');
    return this;
  }

  /** The series of its /metrics. */
  async metrics(): Promise<Series[]> {
    const { statusUrl } = await this.line(({ msg }) => msg === 'worker is ready');
    return parseMetrics(await (await fetch(`${statusUrl}/metrics`)).text());
  }

  /** Value of a counter or gauge, summed over the series with all of these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sumOf(await this.metrics(), name, labels);
  }
}

/** A `vod-upload ops` process. */
export class OpsProcess extends LoggedProcess {
  #url: string | undefined;

  /** Resolves when it serves pages and is connected to Redis. */
  async ready(): Promise<this> {
    const { url } = await this.line(({ msg }) => msg === 'ops is ready');
    this.#url = url as string;
    return this;
  }

  /** `http://127.0.0.1:port`. @throws before {@link ready} */
  get url(): string {
    if (this.#url === undefined) throw new Error('call ready() first');
    return this.#url;
  }
}

export interface WorldOptions {
  /** A shared Redis; default: a private one with AOF. */
  readonly redisUrl?: string | undefined;
  /** Default v2. */
  readonly api?: VodApi;
  readonly emulator?: Partial<EmulatorOptions>;
}

/**
 * Everything that uploads need: a Redis with a key prefix, a VOD emulator, a directory for sources, worker processes and
 * a producer.
 */
export class World {
  readonly redisUrl: string;
  /** Only a private Redis; a shared one must not be killed. */
  readonly redis: RedisServer | undefined;
  readonly prefix = `{test-${randomBytes(5).toString('hex')}}`;
  /** Directory of sources; the workers' only source root. */
  readonly sources: string;
  readonly uploads: VodUploads;
  readonly api: VodApi;
  emulator: Emulator;
  readonly #dir: string;
  readonly #emulatorOptions: EmulatorOptions;
  readonly #processes: LoggedProcess[] = [];

  private constructor(parts: {
    dir: string;
    redisUrl: string;
    redis: RedisServer | undefined;
    api: VodApi;
    emulator: Emulator;
    emulatorOptions: EmulatorOptions;
  }) {
    this.api = parts.api;
    this.#dir = parts.dir;
    this.redisUrl = parts.redisUrl;
    this.redis = parts.redis;
    this.emulator = parts.emulator;
    this.#emulatorOptions = parts.emulatorOptions;
    this.sources = join(parts.dir, 'sources');
    this.uploads = new VodUploads({
      connection: this.redisUrl,
      prefix: this.prefix,
      api: this.api,
      sourceRoots: [this.sources],
    });
  }

  static async create({ redisUrl, api = 'v2', emulator: given }: WorldOptions = {}): Promise<World> {
    const dir = await mkdtemp(join(tmpdir(), 'vod-world-'));
    await mkdir(join(dir, 'sources'));
    const redis = redisUrl === undefined ? await startRedisServer() : undefined;
    const emulatorOptions = {
      dataDir: join(dir, 'vod'),
      secretId: SECRET_ID,
      secretKey: SECRET_KEY,
      // A fixed port, so that the emulator gets it again after a restart.
      port: await freePort(),
      ...given,
    };
    const emulator = await startEmulator(emulatorOptions);
    return new World({ dir, redisUrl: redisUrl ?? redis?.url ?? '', redis, api, emulator, emulatorOptions });
  }

  /** The variables that lead to the emulator. */
  get vodEnvironment(): Record<string, string> {
    const { url } = this.emulator;
    if (this.api === 'v2') return { VOD_ENDPOINT: url, VOD_EVENT_ENDPOINT: url };
    return { VOD_API: this.api, VOD_ENDPOINT: this.emulator.api3Url, VOD_COS_ENDPOINT: this.emulator.cosUrl };
  }

  /**
   * Environment of a worker. Backoffs, probes and stall checks are short to keep tests short; locks have the default
   * duration, so that none expires on a busy machine: see {@link expireLocks}.
   */
  get workerEnvironment(): Record<string, string> {
    return {
      REDIS_URL: this.redisUrl,
      QUEUE_PREFIX: this.prefix,
      ...this.vodEnvironment,
      ...ACCOUNT,
      SOURCE_ROOTS: this.sources,
      PART_CONCURRENCY: String(SLOTS),
      // A missing file fails at the first worker, without grace time.
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

  /** Starts a worker process. It ends with the test. @param program default: the sources */
  worker(
    env: Readonly<Record<string, string>> = {},
    args: readonly string[] = [],
    program = 'workers/main.ts',
  ): WorkerProcess {
    const worker = new WorkerProcess([program, ...args], { ...this.workerEnvironment, ...env });
    this.#processes.push(worker);
    return worker;
  }

  /** Starts a worker with npm, as in the README. It ends with the test. @returns the process of npm */
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
   * Starts `vod-upload ops` on a free port, without users. It ends with the test.
   * @param program default: the sources
   */
  ops(env: Readonly<Record<string, string>> = {}, program = 'src/cli.ts'): OpsProcess {
    const ops = this.startOps(env, program);
    this.#processes.push(ops);
    return ops;
  }

  /** Like {@link ops}, but the caller must end it. */
  startOps(env: Readonly<Record<string, string>> = {}, program = 'src/cli.ts'): OpsProcess {
    const usual = { REDIS_URL: this.redisUrl, QUEUE_PREFIX: this.prefix, OPS_PORT: '0', LOG_LEVEL: 'debug' };
    return new OpsProcess([program, 'ops'], { ...usual, ...env });
  }

  /**
   * Deletes the locks of all active jobs, as if they had expired because their worker is dead or frozen. Only call it
   * while no other worker runs, which would lose its locks.
   * @param redis default: the world's Redis
   */
  async expireLocks(redis?: Redis): Promise<void> {
    await removeKeys(this, 'vod-*:*:lock', redis);
  }

  /** Deletes the leases of event consumers, as if they had expired because their process is dead or frozen. */
  async expireLeases(): Promise<void> {
    await removeKeys(this, 'vod-consumer-lease:*');
  }

  /** Stops the emulator until {@link startEmulator}. */
  async stopEmulator(): Promise<void> {
    await this.emulator.close();
  }

  /** Starts the emulator again, on its port and with its data. @param changes of its options, until the next start */
  async startEmulator(changes: Partial<EmulatorOptions> = {}): Promise<void> {
    this.emulator = await startEmulator({ ...this.#emulatorOptions, ...changes });
  }

  /** Called between tests: ends processes, and removes faults, counts and keys. */
  async reset(): Promise<void> {
    await Promise.all(this.#processes.splice(0).map((started) => started.end()));
    this.emulator.control.clearFaults();
    this.emulator.control.resetStats();
    await removeKeys(this, '*');
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
 * Removes keys.
 * @param pattern of their names, without the prefix
 * @param given default: a connection to `redisUrl`
 */
export async function removeKeys(
  { redisUrl, prefix }: { readonly redisUrl: string; readonly prefix: string },
  pattern: string,
  given?: Redis,
): Promise<void> {
  const redis = given ?? new Redis(redisUrl);
  const keys = await redis.keys(`${prefix.replace(/[{}]/g, '?')}:${pattern}`);
  if (keys.length > 0) await redis.unlink(keys);
  if (given === undefined) redis.disconnect();
}
