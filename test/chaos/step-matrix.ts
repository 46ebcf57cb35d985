import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/config.ts';
import { VodUploads } from '../../src/index.ts';
import { createLogger } from '../../src/process/log.ts';
import { DEFAULT_STAGES, QUEUES, type Stage } from '../../src/queue/names.ts';
import type { VodApi } from '../../src/vod/wire/protocol.ts';
import { type RunningWorker, startWorker } from '../../workers/start.ts';
import { writeRandomFile } from '../support/files.ts';
import { startProxy } from '../support/proxy.ts';
import { ACCOUNT, removeKeys, type World } from '../support/world.ts';
import { KillPoint, type Side, vodAction } from './kill-point.ts';

/** Which requests are counted: Redis commands of all stages but `part`, or calls to VOD. */
export type Wire = 'redis' | 'vod';

/** A process is killed at request number `at` (from 1) on `wire`. */
export interface Case {
  readonly wire: Wire;
  readonly side: Side;
  readonly at: number;
}

export interface CaseOutcome extends Case {
  /** Name of the request at which it was killed; undefined when the upload completed first. */
  readonly struck: string | undefined;
  /** Whether there were so many requests. */
  readonly reached: boolean;
  /** Differences from an upload without the kill; empty: passed. */
  readonly findings: readonly string[];
}

const PARTS = 3;

/** What differs between the APIs. */
interface ApiCase {
  /** Bytes: the smallest that the API takes. */
  readonly partSize: number;
  /** How many requests of an upload there may be: only the interrupted one is repeated, and parts sent at the same time. */
  readonly atMost: Readonly<Record<string, number>>;
}

const APIS: Readonly<Record<VodApi, ApiCase>> = {
  v2: { partSize: 524_288, atMost: { InitUpload: 2, UploadPart: 2 * PARTS, FinishUpload: 2 } },
  '2018-07-17': {
    partSize: 1_048_576,
    atMost: {
      ...{ ApplyUpload: 2, InitiateMultipartUpload: 2, UploadPart: 2 * PARTS, ListParts: 2 },
      CompleteMultipartUpload: 2,
    },
  },
};

const CONTROL_STAGES: readonly Stage[] = ['upload', 'hash', 'init', 'finish'];
/** An upload that takes longer after the kill hangs. */
const END_WITHIN_MS = 120_000;

let serial = 0;

/**
 * Kills the worker process of an upload at one request and starts another worker. The result must be the same as without
 * the kill.
 */
async function runCase(world: World, one: Case): Promise<CaseOutcome> {
  const prefix = `{steps-${randomBytes(5).toString('hex')}}`;
  const path = join(world.sources, `${prefix.slice(1, -1)}.mp4`);
  const { partSize, atMost } = APIS[world.api];
  await writeRandomFile(path, (PARTS - 1) * partSize + 7, ++serial * 7919 + one.at);
  const point = new KillPoint({ ...one, kill: () => void victim.child.kill('SIGKILL') });
  const calls: Record<string, number> = {};
  const vodPort = Number(new URL(world.emulator.url).port);
  const redisPort = Number(new URL(world.redisUrl).port);
  const count = (bytes: Buffer): Buffer => {
    const action = vodAction(bytes);
    if (action !== undefined) calls[action] = (calls[action] ?? 0) + 1;
    return bytes;
  };
  const redisProxy = await startProxy(redisPort, () => (one.wire === 'redis' ? point.redis() : {}));
  // The victim connects through both proxies.
  const countedVod = await startProxy(vodPort, () => ({ onUpstream: count }));
  const vodProxy = await startProxy(countedVod.port, () => (one.wire === 'vod' ? point.vod() : {}));
  const env = {
    REDIS_URL: world.redisUrl,
    QUEUE_PREFIX: prefix,
    ...vodEnvironment(world, countedVod.port),
    OUTAGE_PROBE_MS: '200',
    STALLED_INTERVAL_MS: '150',
  };
  const victim = world.worker(
    {
      ...env,
      REDIS_URL: `redis://127.0.0.1:${redisProxy.port}`,
      ...vodEnvironment(world, vodProxy.port),
    },
    one.wire === 'redis' ? ['--stages', CONTROL_STAGES.join(',')] : [],
  );
  const { redisUrl: connection, sources, api } = world;
  const uploads = new VodUploads({ connection, prefix, sourceRoots: [sources], api });
  const others: RunningWorker[] = [];
  const start = async (stages: readonly Stage[]): Promise<void> => {
    others.push(await startHere(world, env, stages));
  };
  const findings: string[] = [];
  try {
    if (one.wire === 'redis') await start(['part']);
    await victim.ready();
    point.arm();
    const upload = await uploads.add({ source: path, partSize });
    const ended = upload.result();
    ended.catch(() => {});
    await Promise.race([ended.catch(() => {}), victim.exited]);
    if (point.struck !== undefined) {
      await victim.exited;
      const own = one.wire === 'redis' ? CONTROL_STAGES : DEFAULT_STAGES;
      for (const stage of own) await removeKeys({ ...world, prefix }, `${QUEUES[stage]}:*:lock`);
      await start(DEFAULT_STAGES);
    }
    const result = await within(ended, END_WITHIN_MS);
    if (result === undefined) {
      findings.push(`did not end: ${JSON.stringify(await upload.status())}`);
    } else {
      const { attempt } = await upload.status();
      const stored = world.emulator.control
        .stats()
        .files.filter(({ fileSha, media }) =>
          media === undefined ? fileSha === result.fileSha : media.sourceContext.includes(upload.id),
        );
      const finishes = stored.reduce((sum, file) => sum + file.finishes, 0);
      const received = Buffer.from(await (await fetch(result.url ?? '')).arrayBuffer());
      expectSame(findings, {
        outcome: [result.outcome, 'completed'],
        'parts sent': [result.partsSent, PARTS],
        attempt: [attempt, 1],
        'videos stored': [finishes, 1],
        'right bytes': [received.equals(await readFile(path)), true],
      });
    }
    expectAtMost(findings, calls, atMost);
  } catch (error) {
    findings.push(String(error));
  } finally {
    await victim.end();
    await Promise.all(others.map((worker) => worker.close()));
    await uploads.close();
    await Promise.all([redisProxy, vodProxy, countedVod].map((proxy) => proxy.close()));
  }
  return { ...one, struck: point.struck, reached: point.count >= one.at, findings };
}

/** Number of concurrent cases. */
const LANES = 6;

/** Runs cases at 1, 2, 3 … until the process makes fewer requests. */
export async function runMatrix(world: World, wire: Wire, side: Side): Promise<CaseOutcome[]> {
  const outcomes: CaseOutcome[] = [];
  let next = 1;
  let over = false;
  const lane = async (): Promise<void> => {
    while (!over) {
      const at = next++;
      const outcome = await runCase(world, { wire, side, at });
      if (!outcome.reached) over = true;
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return outcomes.sort((a, b) => a.at - b.at);
}

/** Describes the failed cases. */
export function failuresOf(outcomes: readonly CaseOutcome[]): string[] {
  return outcomes
    .filter(({ findings }) => findings.length > 0)
    .map(
      ({ wire, side, at, struck, findings }) =>
        `killed ${side} ${wire} request ${at} (${struck ?? 'never'}): ${findings.join('; ')}`,
    );
}

/** Starts a worker in this process, without a proxy. */
async function startHere(
  world: World,
  env: Readonly<Record<string, string>>,
  stages: readonly Stage[],
): Promise<RunningWorker> {
  const config = loadConfig({
    ...ACCOUNT,
    SOURCE_ROOTS: world.sources,
    BACKOFF_BASE_MS: '20',
    BACKOFF_MAX_MS: '200',
    SHUTDOWN_TIMEOUT_MS: '1000',
    ...env,
  });
  return await startWorker(config, {
    stages,
    log: createLogger({ ...config, logLevel: 'silent', logFormat: 'json' }),
  });
}

/** The variables that lead to the emulator through a proxy on this port. */
function vodEnvironment({ vodEnvironment }: World, port: number): Record<string, string> {
  const entries = Object.entries(vodEnvironment);
  return Object.fromEntries(entries.map(([name, value]) => [name, value.replace(/:\d+\//, `:${port}/`)]));
}

function expectSame(findings: string[], facts: Readonly<Record<string, readonly [unknown, unknown]>>): void {
  for (const [name, [actual, expected]] of Object.entries(facts)) {
    if (actual !== expected) findings.push(`${name}: ${actual} instead of ${expected}`);
  }
}

function expectAtMost(
  findings: string[],
  counts: Readonly<Record<string, number>>,
  bounds: Readonly<Record<string, number>>,
): void {
  for (const [name, bound] of Object.entries(bounds)) {
    const count = counts[name] ?? 0;
    if (count > bound) findings.push(`${count} ${name}, more than ${bound}`);
  }
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
