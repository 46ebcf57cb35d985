import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisServer, startRedisServer } from '../../src/demo/redis-server.ts';
import { type Emulator, startEmulator } from '../../src/emulator/server.ts';
import type { VodApi } from '../../src/vod/wire/protocol.ts';
import { HangingDisk } from '../support/hanging-disk.ts';
import { startProxy, type TcpProxy } from '../support/proxy.ts';
import { type Answer, type Receiver, startReceiver, WEBHOOK_SECRET } from '../support/receiver.ts';
import { runDirectory } from '../support/whole-run.ts';
import { ACCOUNT, SECRET_ID, SECRET_KEY, WorkerProcess } from '../support/world.ts';
import { LOCK_MS, READ_MS, WORKER_SLOTS } from './schedule.ts';

/** A worker that runs longer than this after a signal hangs. */
const STOP_MS = 120_000;

export const WRONG_KEY = 'another0key0than0the0accounts';

/** Responses of the webhook receiver, in rotation. */
const RESPONSES: readonly Answer[] = [
  204,
  204,
  500,
  204,
  (response) => response.socket?.destroy(),
  204,
  204,
  429,
];

interface Slot {
  readonly stages: string | undefined;
  worker: WorkerProcess;
  /** Being ended, started or frozen; other troubles skip it. */
  busy: boolean;
}

/** The processes of a chaos run, with proxies to Redis and VOD. Private to the run. */
export class Rig {
  readonly prefix: string;
  readonly redis: RedisServer;
  readonly api: VodApi;
  readonly emulator: Emulator;
  readonly redisProxy: TcpProxy;
  readonly vodProxy: TcpProxy;
  readonly sources: string;
  /** A source root without files. */
  readonly emptyRoot: string;
  /** Makes calls for the sources hang. */
  readonly #disk: HangingDisk;
  /** Webhook receiver; some of its responses are errors. */
  readonly receiver: Receiver;
  /** Wrong behavior of processes. */
  readonly findings: string[] = [];
  readonly #dir: string;
  readonly #slots: Slot[] = [];
  #closing = false;

  private constructor(parts: {
    dir: string;
    redis: RedisServer;
    api: VodApi;
    emulator: Emulator;
    redisProxy: TcpProxy;
    vodProxy: TcpProxy;
    receiver: Receiver;
  }) {
    this.prefix = `{chaos-${randomBytes(5).toString('hex')}}`;
    this.#dir = parts.dir;
    this.redis = parts.redis;
    this.api = parts.api;
    this.emulator = parts.emulator;
    this.redisProxy = parts.redisProxy;
    this.vodProxy = parts.vodProxy;
    this.receiver = parts.receiver;
    this.sources = join(parts.dir, 'sources');
    this.emptyRoot = join(parts.dir, 'emptyRoot');
    this.#disk = new HangingDisk(this.sources);
  }

  static async create(api: VodApi): Promise<Rig> {
    const dir = await runDirectory('vod-chaos-');
    await mkdir(join(dir, 'sources'));
    await mkdir(join(dir, 'emptyRoot'));
    const redis = await startRedisServer();
    const emulator = await startEmulator({
      dataDir: join(dir, 'vod'),
      secretId: SECRET_ID,
      secretKey: SECRET_KEY,
      // Unconfirmed events are redelivered after 3 s.
      quotaWindowMs: 6000,
      transcodeMs: 300,
    });
    const redisProxy = await startProxy(redis.port);
    const vodProxy = await startProxy(Number(new URL(emulator.url).port));
    let requests = 0;
    const receiver = await startReceiver({ usual: () => RESPONSES[requests++ % RESPONSES.length] ?? 204 });
    return new Rig({ dir, redis, api, emulator, redisProxy, vodProxy, receiver });
  }

  /** Redis URL for workers and producers, through the proxy. */
  get redisUrl(): string {
    return `redis://127.0.0.1:${this.redisProxy.port}`;
  }

  async startWorkers(): Promise<void> {
    for (const stages of WORKER_SLOTS) {
      this.#slots.push({ stages, worker: this.#spawn(stages), busy: false });
    }
    await Promise.all(this.#slots.map(({ worker }) => worker.ready()));
  }

  /** Ends a slot's worker and starts another after `downMs`. @returns false when the slot is busy */
  async end(index: number, signal: 'SIGKILL' | 'SIGTERM', downMs: number): Promise<boolean> {
    return await this.#exclusively(index, async (slot) => {
      await this.#endWorker(slot, signal);
      await pause(downMs);
      if (this.#closing) return;
      slot.worker = this.#spawn(slot.stages);
    });
  }

  /** Replaces a slot's worker for a while by a misconfigured one. */
  async misconfigure(index: number, env: Readonly<Record<string, string>>, forMs: number): Promise<boolean> {
    return await this.#exclusively(index, async (slot) => {
      await this.#endWorker(slot, 'SIGTERM');
      if (this.#closing) return;
      slot.worker = this.#spawn(slot.stages, env);
      await pause(forMs);
      await this.#endWorker(slot, 'SIGTERM');
      if (this.#closing) return;
      slot.worker = this.#spawn(slot.stages);
    });
  }

  /** Freezes a slot's worker for longer than its locks last. */
  async freeze(index: number, forMs: number): Promise<boolean> {
    return await this.#exclusively(index, async ({ worker }) => {
      worker.child.kill('SIGSTOP');
      await pause(forMs);
      worker.child.kill('SIGCONT');
    });
  }

  async freezeRedis(forMs: number): Promise<void> {
    const { pid } = this.redis;
    process.kill(pid, 'SIGSTOP');
    await pause(forMs);
    process.kill(pid, 'SIGCONT');
  }

  async killRedis(forMs: number): Promise<void> {
    await this.redis.kill();
    await pause(forMs);
    await this.redis.restart();
  }

  async hangDisk(forMs: number): Promise<void> {
    this.#disk.hang();
    await pause(forMs);
    this.#disk.release();
  }

  /** Reports workers that have ended on their own. */
  async checkWorkers(): Promise<void> {
    for (const { worker, stages } of this.#slots) {
      if (!worker.running)
        this.findings.push(`a worker (${stages ?? 'all stages'}) ended on its own: ${lastOutput(worker)}`);
    }
  }

  /** Reports workers with more file descriptors than new workers. Call it after the last trouble. */
  async checkDescriptors(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    const fresh = this.#slots.map(({ stages }) => this.#spawn(stages));
    try {
      await Promise.all(fresh.map((worker) => worker.ready()));
      for (;;) {
        const leaks: string[] = [];
        for (const [index, { worker, stages }] of this.#slots.entries()) {
          const [now, atFirst] = await Promise.all([worker, fresh[index]].map(descriptorsOf));
          if (now === undefined || atFirst === undefined || now <= atFirst + DESCRIPTOR_TOLERANCE) continue;
          leaks.push(
            `a worker (${stages ?? 'all stages'}) holds ${now} file descriptors, a new one ${atFirst}`,
          );
        }
        if (leaks.length === 0) return;
        if (performance.now() > deadline) {
          this.findings.push(...leaks);
          return;
        }
        await pause(500);
      }
    } finally {
      await Promise.all(fresh.map((worker) => worker.end('SIGTERM')));
    }
  }

  /** Sends SIGTERM to all workers; reports those that don't stop cleanly. */
  async stopWorkers(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#slots.map((slot) => this.#endWorker(slot, 'SIGTERM')));
  }

  /** Ends all processes and deletes all files. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#slots.map(({ worker }) => worker.end('SIGKILL')));
    await this.redisProxy.close();
    await this.vodProxy.close();
    await this.emulator.close();
    await this.receiver.close();
    const { pid } = this.redis;
    await this.redis.stop();
    for (const left of [...(await processesOf(this.prefix)), ...(isRunning(pid) ? [pid] : [])]) {
      this.findings.push(`process ${left} is still running`);
    }
    this.#disk.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #spawn(stages: string | undefined, env: Readonly<Record<string, string>> = {}): WorkerProcess {
    const throughProxy = (url: string): string => url.replace(/:\d+\//, `:${this.vodProxy.port}/`);
    const { url, api3Url, cosUrl } = this.emulator;
    const endpoint = throughProxy(url);
    const endpoints =
      this.api === 'v2'
        ? { VOD_ENDPOINT: endpoint, VOD_EVENT_ENDPOINT: endpoint }
        : { VOD_ENDPOINT: throughProxy(api3Url), VOD_COS_ENDPOINT: throughProxy(cosUrl) };
    const args = ['workers/main.ts', ...(stages === undefined ? [] : ['--stages', stages])];
    return new WorkerProcess(args, {
      REDIS_URL: this.redisUrl,
      QUEUE_PREFIX: this.prefix,
      VOD_API: this.api,
      ...endpoints,
      ...ACCOUNT,
      ...this.#disk.env,
      SOURCE_ROOTS: this.sources,
      SOURCE_READ_TIMEOUT_MS: String(READ_MS),
      BACKOFF_BASE_MS: '50',
      BACKOFF_MAX_MS: '1000',
      OUTAGE_PROBE_MS: '200',
      ACCOUNT_PROBE_MS: '300',
      LOCK_DURATION_MS: String(LOCK_MS),
      STALLED_INTERVAL_MS: '300',
      SHUTDOWN_TIMEOUT_MS: '500',
      METRICS_PORT: '0',
      WEBHOOK_URL: this.receiver.url,
      WEBHOOK_SECRETS: WEBHOOK_SECRET,
      WEBHOOK_ALLOW_PRIVATE: '1',
      ...env,
    });
  }

  async #exclusively(index: number, act: (slot: Slot) => Promise<void>): Promise<boolean> {
    const slot = this.#slots[index];
    if (slot === undefined || slot.busy || this.#closing) return false;
    slot.busy = true;
    try {
      await act(slot);
    } finally {
      slot.busy = false;
    }
    return true;
  }

  async #endWorker({ worker, stages }: Slot, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!worker.running) return;
    // Before its signal listeners are installed, a process is killed by the signal, which is fine.
    const ready = worker.lines.some(({ msg }) => msg === 'worker is ready');
    const startedAt = performance.now();
    const overdue = setTimeout(() => worker.child.kill('SIGKILL'), STOP_MS);
    const { code, signal: by } = await worker.end(signal);
    clearTimeout(overdue);
    if (signal === 'SIGKILL' || !ready || code === 0) return;
    const afterMs = Math.round(performance.now() - startedAt);
    this.findings.push(
      `a worker (${stages ?? 'all stages'}) ended ${afterMs} ms after SIGTERM by ${by ?? `code ${code}`}: ${lastOutput(worker)}`,
    );
  }
}

/** For idle connections to VOD and open source files. */
const DESCRIPTOR_TOLERANCE = 8;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const lastOutput = (worker: WorkerProcess): string => worker.output.slice(-600);

/** Number of sockets and files. Other kinds are ignored, because hash threads open them later. */
async function descriptorsOf(worker: WorkerProcess | undefined): Promise<number | undefined> {
  const directory = `/proc/${worker?.pid}/fd`;
  const names = await readdir(directory).catch(() => undefined);
  const targets =
    names && (await Promise.all(names.map((name) => readlink(`${directory}/${name}`).catch(() => ''))));
  return targets?.filter((target) => /^(socket:|\/)/.test(target)).length;
}

/** Processes whose environment contains this text. */
async function processesOf(text: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    if (environment.includes(text)) found.push(Number(name));
  }
  return found;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
