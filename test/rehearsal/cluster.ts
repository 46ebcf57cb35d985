import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisServer, startRedisServer } from '../../src/demo/redis-server.ts';
import { type ControlClient, controlClient } from '../../src/emulator/control/client.ts';
import { LoggedProcess, type LogLine } from '../support/process.ts';
import { runDirectory } from '../support/whole-run.ts';
import { ACCOUNT, OpsProcess, SECRET_ID, SECRET_KEY, WorkerProcess } from '../support/world.ts';

/** The Deployments of deploy/kubernetes, with the command of their pods. */
export const DEPLOYMENTS = {
  parts: ['workers/main.ts', '--stages', 'part'],
  hash: ['workers/main.ts', '--stages', 'hash'],
  control: ['workers/main.ts', '--stages', 'upload,init,finish,transcode'],
  ops: ['src/cli.ts', 'ops'],
} as const;
export type Deployment = keyof typeof DEPLOYMENTS;

type Pod = WorkerProcess | OpsProcess;

/** A pod that has ended. */
export interface EndedPod {
  readonly deployment: Deployment;
  readonly exitCode: number | null;
  /** Time from SIGTERM to its end. */
  readonly stopMs: number;
}

/**
 * Simulates a Kubernetes cluster on one machine: one process per pod. Like a Deployment, it starts the new pod and waits
 * until it is ready before the old one gets SIGTERM.
 */
export class Cluster {
  readonly prefix = `{rehearsal-${randomBytes(5).toString('hex')}}`;
  readonly sources: string;
  readonly endedPods: EndedPod[] = [];
  readonly #dir: string;
  readonly #redis: RedisServer;
  readonly #pods: { readonly deployment: Deployment; readonly pod: Pod }[] = [];
  #emulator: LoggedProcess | undefined;
  #vodUrl = '';
  #control: ControlClient | undefined;
  readonly #lines: LogLine[] = [];

  private constructor(dir: string, redis: RedisServer) {
    this.#dir = dir;
    this.#redis = redis;
    this.sources = join(dir, 'sources');
  }

  static async create(): Promise<Cluster> {
    const dir = await runDirectory('vod-rehearsal-');
    await mkdir(join(dir, 'sources'));
    const cluster = new Cluster(dir, await startRedisServer());
    await cluster.#startEmulator({ port: '0', controlPort: '0' });
    return cluster;
  }

  get redisUrl(): string {
    return this.#redis.url;
  }

  /** Control of the emulator. */
  get control(): ControlClient {
    if (this.#control === undefined) throw new Error('the emulator is not running');
    return this.#control;
  }

  count(deployment: Deployment): number {
    return this.#pods.filter((one) => one.deployment === deployment).length;
  }

  /** Log lines of all pods, including ended ones. */
  get lines(): readonly LogLine[] {
    return [...this.#lines, ...this.#pods.flatMap(({ pod }) => pod.lines)];
  }

  async scale(deployment: Deployment, replicas: number): Promise<void> {
    while (this.count(deployment) < replicas) await this.#add(deployment);
    while (this.count(deployment) > replicas) await this.#removeOldest(deployment);
  }

  /** Replaces all pods of a Deployment, one after another. */
  async roll(deployment: Deployment): Promise<void> {
    for (let left = this.count(deployment); left > 0; left--) {
      await this.#add(deployment);
      await this.#removeOldest(deployment);
    }
  }

  /** Restarts Redis with its data. */
  async restartRedis(): Promise<void> {
    await this.#redis.restart();
  }

  async restartEmulator(): Promise<void> {
    const { port } = new URL(this.#vodUrl);
    await this.#emulator?.end('SIGTERM');
    await this.#startEmulator({ port, controlPort: '0' });
  }

  async close(): Promise<void> {
    await Promise.all(this.#pods.splice(0).map(({ pod }) => pod.end('SIGKILL')));
    await this.#emulator?.end('SIGKILL');
    await this.#redis.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #add(deployment: Deployment): Promise<void> {
    const args = DEPLOYMENTS[deployment];
    const env = this.#environment();
    const pod = deployment === 'ops' ? new OpsProcess(args, env) : new WorkerProcess(args, env);
    this.#pods.push({ deployment, pod });
    await pod.ready();
  }

  async #removeOldest(deployment: Deployment): Promise<void> {
    const index = this.#pods.findIndex((one) => one.deployment === deployment);
    const [oldest] = this.#pods.splice(index, 1);
    if (oldest === undefined) return;
    const startedAt = performance.now();
    const { code } = await oldest.pod.end('SIGTERM');
    this.endedPods.push({ deployment, exitCode: code, stopMs: performance.now() - startedAt });
    this.#lines.push(...oldest.pod.lines);
  }

  async #startEmulator({ port, controlPort }: { port: string; controlPort: string }): Promise<void> {
    const emulator = new LoggedProcess(
      [
        ...['src/cli.ts', 'emulator', '--json', '--port', port, '--control-port', controlPort],
        ...['--data', join(this.#dir, 'vod'), '--secret-id', SECRET_ID, '--secret-key', SECRET_KEY],
      ],
      {},
    );
    const { url, controlUrl } = await emulator.line(({ variables }) => variables !== undefined);
    this.#emulator = emulator;
    this.#vodUrl = url as string;
    this.#control = controlClient(controlUrl as string);
  }

  #environment(): Record<string, string> {
    return {
      REDIS_URL: this.redisUrl,
      QUEUE_PREFIX: this.prefix,
      VOD_ENDPOINT: this.#vodUrl,
      ...ACCOUNT,
      SOURCE_ROOTS: this.sources,
      PART_CONCURRENCY: '2',
      METRICS_PORT: '0',
      OPS_PORT: '0',
    };
  }
}
