import { join } from 'node:path';
import { Redis } from 'ioredis';
import { RedisUnavailableError, type Upload, type UploadResult, VodUploads } from '../../src/index.ts';
import { closeQueues, openQueues } from '../../src/queue/queues.ts';
import { writeRandomFile } from '../support/files.ts';
import { Cluster, DEPLOYMENTS, type Deployment } from './cluster.ts';

/** While pods are replaced; each ended upload is followed by another. */
const CONCURRENT_UPLOADS = 200;
/** Latency of parts meanwhile, so that all pods are busy. */
const PART_MS = 2000;
const SIZES = [200_000, 700_000, 1_500_000, 3_200_000];

export interface Rehearsal {
  /** Everything that is wrong; empty: passed. */
  readonly findings: readonly string[];
  /** Summary as text. */
  readonly report: string;
}

/** An upload and its outcome. */
interface Ended {
  readonly id: string;
  readonly outcome: UploadResult['outcome'] | 'failed';
}

/**
 * While uploads run, scales parts from 2 to 4 pods and back, replaces every pod, and restarts Redis and VOD, all within
 * about a minute. Every upload must become one video, without a spent attempt.
 * @param print called with each step
 */
export async function rehearse(print: (line: string) => void): Promise<Rehearsal> {
  const startedAt = performance.now();
  const cluster = await Cluster.create();
  const uploads = new VodUploads({ connection: cluster.redisUrl, prefix: cluster.prefix });
  let serial = 0;
  const addOne = async (): Promise<Upload> => {
    const index = serial++;
    const size = (SIZES[index % SIZES.length] ?? 0) + index;
    const source = await writeRandomFile(join(cluster.sources, `${index}.mp4`), size, index + 1);
    for (;;) {
      try {
        // The key finds an upload whose add succeeded although the call failed.
        return await uploads.add({ source, key: `${index}` });
      } catch (error) {
        if (!(error instanceof RedisUnavailableError)) throw error;
        await pause();
      }
    }
  };
  try {
    const ended: Ended[] = [];
    let over = false;
    const addUntilOver = async (): Promise<void> => {
      do {
        const upload = await addOne();
        const outcome = await upload.result().then(
          (result) => result.outcome,
          () => 'failed' as const,
        );
        ended.push({ id: upload.id, outcome });
      } while (!over);
    };
    const report = (step: string): void => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
      print(`${seconds} s  ${String(ended.length).padStart(3)} of ${serial} uploads  ${step}`);
    };
    const slowDown = () =>
      cluster.control.inject({ action: 'UploadPart', effect: { kind: 'latency', ms: PART_MS }, share: 1 });
    await slowDown();
    for (const deployment of ['control', 'hash', 'ops', 'parts'] as const) {
      await cluster.scale(deployment, deployment === 'parts' ? 2 : 1);
    }
    report('2 parts, 1 hash, 1 control, 1 ops are ready');

    const all = Promise.all(Array.from({ length: CONCURRENT_UPLOADS }, addUntilOver));
    // Its error is thrown by a later await.
    all.catch(() => {});
    const untilEnded = async (count: number): Promise<void> => {
      while (ended.length < count) await Promise.race([all, pause()]);
    };
    await untilEnded(20);
    await cluster.scale('parts', 4);
    report('parts scaled from 2 to 4');
    await untilEnded(30);
    for (const deployment of Object.keys(DEPLOYMENTS) as Deployment[]) {
      await cluster.roll(deployment);
      report(`every pod of ${deployment} replaced`);
    }
    await cluster.restartRedis();
    report('Redis restarted');
    await cluster.restartEmulator();
    await slowDown();
    report('VOD restarted');
    await cluster.scale('parts', 2);
    report('parts scaled from 4 to 2');
    over = true;
    await cluster.control.clearFaults();
    await all;
    report('all uploads have ended');
    return await verify(cluster, ended);
  } finally {
    await uploads.close();
    await cluster.close();
  }
}

async function verify(cluster: Cluster, ended: readonly Ended[]): Promise<Rehearsal> {
  const findings: string[] = [];
  const outcomes = new Map<string, number>();
  for (const { id, outcome } of ended) {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (outcome !== 'completed') findings.push(`upload ${id}: ${outcome}`);
  }
  const { files } = await cluster.control.stats();
  const stored = new Set(files.map(({ fileSha }) => fileSha));
  for (const { fileSha, finishes } of files) {
    if (finishes !== 1) findings.push(`the video ${fileSha} was stored ${finishes} times`);
  }
  if (stored.size !== ended.length)
    findings.push(`${stored.size} videos are in VOD instead of ${ended.length}`);
  const spent = cluster.lines.filter(
    ({ msg, next }) => msg === 'attempt failed' && (next === 'retried' || next === 'failed'),
  );
  for (const { jobId, reason } of spent) findings.push(`an attempt of ${jobId} was spent: ${reason}`);
  for (const id of await uploadsOfManyAttempts(cluster)) findings.push(`upload ${id} took a second attempt`);
  for (const { deployment, exitCode } of cluster.endedPods) {
    if (exitCode !== 0) findings.push(`a pod of ${deployment} ended with exit code ${exitCode}`);
  }
  const slowest = Math.max(...cluster.endedPods.map(({ stopMs }) => stopMs));
  const interrupted = cluster.lines.filter(({ next }) => next === 'interrupted').length;
  const report = [
    `uploads: ${[...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`,
    `videos in VOD: ${files.length}, each stored once: ${files.every(({ finishes }) => finishes === 1)}`,
    `pods replaced or removed: ${cluster.endedPods.length}; slowest stop ${(slowest / 1000).toFixed(2)} s`,
    `attempts spent: ${spent.length}; requests repeated after a restart without spending one: ${interrupted}`,
    findings.length === 0 ? 'passed: nothing lost or duplicated, no attempt spent' : findings.join('\n'),
  ].join('\n');
  return { findings, report };
}

async function uploadsOfManyAttempts(cluster: Cluster): Promise<string[]> {
  const redis = new Redis(cluster.redisUrl);
  const queues = openQueues(redis, cluster.prefix, { producer: true });
  const jobs = await queues.upload.getJobs(['completed', 'failed'], 0, -1);
  await closeQueues(queues);
  redis.disconnect();
  return jobs.filter(({ attemptsMade }) => attemptsMade !== 1).map(({ id }) => id ?? '');
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
