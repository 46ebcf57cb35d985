import { join } from 'node:path';
import { Redis } from 'ioredis';
import { RedisUnavailableError, type Upload, type UploadResult, VodUploads } from '../../src/index.ts';
import { closeQueues, openQueues } from '../../src/queue/queues.ts';
import { writeRandomFile } from '../support/files.ts';
import { Cluster, DEPLOYMENTS, type Deployment } from './cluster.ts';

/** As long as pods come and go there are so many: each that ends is followed by another. */
const UPLOADS_AT_A_TIME = 200;
/** Each part takes this long meanwhile, so that there is work for all of them. */
const PART_MS = 2000;
const SIZES = [200_000, 700_000, 1_500_000, 3_200_000];

export interface Rehearsal {
  /** What was not as it must be; empty when all went well. */
  readonly findings: readonly string[];
  /** For people. */
  readonly report: string;
}

/** An upload, and what has come of it. */
interface Ended {
  readonly id: string;
  readonly outcome: UploadResult['outcome'] | 'failed';
}

/**
 * The life of a cluster in a minute: parts are scaled from 2 to 4 and back, every process is replaced, Redis and VOD are
 * restarted, all while uploads run. Then each upload must have become one video, and no attempt have been spent.
 * @param print told what happens as it happens
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
        // A key, so that one that was taken although nobody heard of it is found the next time.
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
    const say = (what: string): void => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
      print(`${seconds} s  ${String(ended.length).padStart(3)} of ${serial} uploads  ${what}`);
    };
    const slowDown = () =>
      cluster.control.inject({ action: 'UploadPart', effect: { kind: 'latency', ms: PART_MS }, share: 1 });
    await slowDown();
    for (const deployment of ['control', 'hash', 'ops', 'parts'] as const) {
      await cluster.scale(deployment, deployment === 'parts' ? 2 : 1);
    }
    say('2 parts, 1 hash, 1 control, 1 ops are ready');

    const all = Promise.all(Array.from({ length: UPLOADS_AT_A_TIME }, addUntilOver));
    // Whoever awaits it next is told.
    all.catch(() => {});
    const untilEnded = async (count: number): Promise<void> => {
      while (ended.length < count) await Promise.race([all, pause()]);
    };
    await untilEnded(20);
    await cluster.scale('parts', 4);
    say('parts scaled from 2 to 4');
    await untilEnded(30);
    for (const deployment of Object.keys(DEPLOYMENTS) as Deployment[]) {
      await cluster.roll(deployment);
      say(`every pod of ${deployment} replaced`);
    }
    await cluster.restartRedis();
    say('Redis restarted');
    await cluster.restartEmulator();
    await slowDown();
    say('VOD restarted');
    await cluster.scale('parts', 2);
    say('parts scaled from 4 to 2');
    over = true;
    await cluster.control.clearFaults();
    await all;
    say('all have ended');
    return await judge(cluster, ended);
  } finally {
    await uploads.close();
    await cluster.close();
  }
}

async function judge(cluster: Cluster, ended: readonly Ended[]): Promise<Rehearsal> {
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
  if (stored.size !== ended.length) findings.push(`${stored.size} videos are in VOD, of ${ended.length}`);
  const spent = cluster.lines.filter(
    ({ msg, next }) => msg === 'attempt failed' && (next === 'retried' || next === 'failed'),
  );
  for (const { jobId, reason } of spent) findings.push(`an attempt of ${jobId} was spent: ${reason}`);
  for (const id of await uploadsOfManyAttempts(cluster)) findings.push(`upload ${id} took a second attempt`);
  for (const { deployment, exitCode } of cluster.gone) {
    if (exitCode !== 0) findings.push(`a pod of ${deployment} ended with exit code ${exitCode}`);
  }
  const slowest = Math.max(...cluster.gone.map(({ stopMs }) => stopMs));
  const spared = cluster.lines.filter(({ next }) => next === 'interrupted').length;
  const report = [
    `uploads: ${[...outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`,
    `videos in VOD: ${files.length}, each stored once: ${files.every(({ finishes }) => finishes === 1)}`,
    `pods replaced or removed: ${cluster.gone.length}; slowest stop ${(slowest / 1000).toFixed(2)} s`,
    `attempts spent: ${spent.length}; requests interrupted by a restart and made again for nothing: ${spared}`,
    findings.length === 0 ? 'nothing lost, nothing doubled, no attempt spent' : findings.join('\n'),
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
