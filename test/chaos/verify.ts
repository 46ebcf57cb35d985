import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Redis } from 'ioredis';
import type { EmulatorStats } from '../../src/emulator/control/stats.ts';
import { UploadFailedError } from '../../src/index.ts';
import { closeQueues, openQueues, type Queues } from '../../src/queue/queues.ts';
import { PERMANENT_CODE, type Source, type Tracked } from './uploads.ts';

/**
 * A finished upload with few children keeps their entries, see FORGET_CHILDREN_ABOVE. Plus one for the transcoding, which
 * is added after the entries are removed.
 */
const CHILDREN_KEPT = 17;
const PENDING_STATES = ['waiting', 'active', 'delayed', 'prioritized', 'waiting-children'] as const;
/** Keys of a queue that always stay. */
const LASTING = new Set([
  'meta',
  'events',
  'marker',
  'completed',
  'failed',
  'id',
  'pc',
  'limiter',
  'stalled-check',
]);
/** Other keys than those of queues. Holds are not among them: they don't expire, and none may be left. */
const EXPIRING = new Set([
  'vod-sha1',
  'vod-content',
  'vod-file',
  'vod-rate',
  'vod-sender',
  'vod-hold',
  'vod-api-hold',
  'vod-accounts',
  'vod-unseen',
]);
/** Positions and leases of event consumers. */
const CONSUMER_KEYS = /^vod-consumer(-lease)?$/;

/** Every upload completed, or failed by the injected error; no interruption spent an attempt. */
export function checkOutcomes(tracked: readonly Tracked[]): string[] {
  const findings: string[] = [];
  for (const { id, source, outcome, error } of tracked) {
    if (outcome === undefined) findings.push(`upload ${id} of ${source.path} did not end`);
    if (outcome !== 'failed') continue;
    const injected = source.permanent && error instanceof UploadFailedError && error.code === PERMANENT_CODE;
    if (!injected) findings.push(`upload ${id} of ${source.size} bytes failed: ${error?.message}`);
  }
  return findings;
}

/** Every video was stored exactly once and is identical to its source. */
export async function checkVideos(
  tracked: readonly Tracked[],
  files: EmulatorStats['files'],
): Promise<string[]> {
  const findings: string[] = [];
  const sources = new Map<string, Source>(tracked.map(({ source }) => [source.sha1, source]));
  const bySha = Map.groupBy(files, ({ fileSha }) => fileSha);
  for (const [sha1, stored] of bySha) {
    const finishes = stored.reduce((sum, file) => sum + file.finishes, 0);
    if (finishes !== 1) findings.push(`the video ${sha1} was stored ${finishes} times`);
    if (!sources.has(sha1)) findings.push(`VOD has a video without a source: ${sha1}`);
  }
  for (const { id, source, result } of tracked) {
    if (result === undefined) continue;
    const [file] = bySha.get(source.sha1) ?? [];
    if (
      file === undefined ||
      file.fileId !== result.fileId ||
      file.url !== result.url ||
      result.fileSha !== source.sha1
    )
      findings.push(
        `upload ${id} reports ${result.fileId} at ${result.url}, but VOD has ${file?.fileId} for it`,
      );
  }
  for (const [sha1, [file]] of bySha) {
    const source = sources.get(sha1);
    if (file === undefined || source === undefined) continue;
    const [stored, original] = await Promise.all([download(file.url), readFile(source.path)]);
    if (!stored.equals(original) || createHash('sha1').update(stored).digest('hex') !== sha1)
      findings.push(`the video ${sha1} at ${file.url} is not its source`);
  }
  return findings;
}

/** Like {@link checkVideos} for API 3.0, where each video names its upload, and the same content may be several videos. */
export async function checkVideosOfUploads(
  tracked: readonly Tracked[],
  files: EmulatorStats['files'],
): Promise<string[]> {
  const findings: string[] = [];
  const ofUpload = Map.groupBy(files, ({ media }) => media?.sourceContext.split(' ').at(-1) ?? '');
  for (const [id, videos] of ofUpload) {
    if (videos.length > 1) findings.push(`upload ${id} made ${videos.length} videos`);
  }
  for (const { id, source, outcome, result } of tracked) {
    if (result === undefined) continue;
    const own = ofUpload.get(id)?.[0];
    const file = files.find(({ fileId }) => fileId === result.fileId);
    if (outcome === 'completed' && own?.fileId !== result.fileId)
      findings.push(`upload ${id} reports ${result.fileId}, but its video is ${own?.fileId}`);
    if (outcome === 'instant' && own !== undefined && own.fileId !== result.fileId)
      findings.push(`upload ${id} reports ${result.fileId}, but it made ${own.fileId}, too`);
    if (file === undefined || file.url !== result.url) {
      findings.push(`upload ${id} reports ${result.fileId} at ${result.url}, but VOD has ${file?.url}`);
      continue;
    }
    const [stored, original] = await Promise.all([download(file.url), readFile(source.path)]);
    if (!stored.equals(original)) findings.push(`the video of upload ${id} at ${file.url} is not its source`);
  }
  return findings;
}

/** Resolves when no job is waiting or active, including uploads of adds that seemed to fail. */
export async function untilQuiet(url: string, prefix: string, withinMs: number): Promise<void> {
  await withQueues(url, prefix, async (queues) => {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const counts = await Promise.all(
        Object.values(queues).map((queue) => queue.getJobCountByTypes(...PENDING_STATES)),
      );
      if (counts.every((count) => count === 0) || performance.now() > deadline) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
}

/**
 * Waits until each end was notified, a failure before the success of its retry.
 * @param received `upload.completed ID` and so on, in order, possibly more than once
 */
export async function checkNotified(
  who: string,
  received: () => readonly string[],
  tracked: readonly Tracked[],
  withinMs: number,
): Promise<string[]> {
  const expected = tracked.flatMap(({ id, outcome, result }) => [
    ...(outcome === 'failed' ? [`upload.failed ${id}`] : []),
    ...(result !== undefined ? [`upload.completed ${id}`] : []),
  ]);
  const deadline = performance.now() + withinMs;
  const missing = (): string[] => {
    const all = new Set(received());
    return expected.filter((one) => !all.has(one));
  };
  while (missing().length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const all = received();
  const late = tracked.filter(({ id, outcome }) => {
    const [failed, completed] = [all.indexOf(`upload.failed ${id}`), all.indexOf(`upload.completed ${id}`)];
    return outcome === 'failed' && completed !== -1 && completed < failed;
  });
  return [
    ...missing().map((one) => `${who} did not receive ${one}`),
    ...late.map(({ id }) => `${who} received the success of ${id} before its failure`),
  ];
}

/** Redis contains nothing but the records of ended uploads. */
export async function checkRedis(
  url: string,
  prefix: string,
  tracked: readonly Tracked[],
): Promise<string[]> {
  const findings: string[] = [];
  await withQueues(url, prefix, async (queues, redis) => {
    for (const queue of Object.values(queues)) {
      const counts = await queue.getJobCounts(...PENDING_STATES);
      for (const [state, count] of Object.entries(counts)) {
        if (count > 0) findings.push(`${count} jobs are left ${state} in ${queue.name}`);
      }
    }
    const known = new Set(tracked.map(({ id }) => id));
    const jobs = await queues.upload.getJobs(['completed', 'failed'], 0, -1);
    for (const job of jobs) {
      // Added by a call that seemed to fail and was repeated without a key.
      if (!known.has(job.id ?? '')) known.add(job.id ?? '');
      if (job.failedReason && !job.failedReason.includes(`[${PERMANENT_CODE}`))
        findings.push(`upload ${job.id} failed: ${job.failedReason}`);
    }
    for (const { id, source } of tracked) {
      const job = jobs.find((one) => one.id === id);
      if (job === undefined) findings.push(`upload ${id} is missing in Redis`);
      // BullMQ counts ended attempts: 2 are a failure and its retry.
      else if (job.attemptsMade > (source.permanent ? 2 : 1))
        findings.push(`upload ${id} took ${job.attemptsMade} attempts`);
    }
    // Failed children, events and webhooks, which are removed by age and count.
    const kept = new Set<string>();
    for (const queue of Object.values(queues)) {
      if (queue === queues.upload) continue;
      for (const job of await queue.getJobs(['completed', 'failed'], 0, -1))
        kept.add(queue.toKey(job.id ?? ''));
    }
    for await (const keys of redis.scanStream({ match: `${prefix.replace(/[{}]/g, '?')}:*`, count: 1000 })) {
      for (const key of keys as string[]) {
        if (await expires(redis, key)) continue;
        const [, queue = '', name = '', part] = key.match(/^[^:]+:([^:]+):([^:]+)(?::(.*))?$/) ?? [];
        if (CONSUMER_KEYS.test(queue)) continue;
        if (part === undefined && (LASTING.has(name) || kept.has(key))) continue;
        // The log of a job is kept as long as the job.
        if (part === 'logs' && (known.has(name) || kept.has(key.replace(/:logs$/, '')))) continue;
        if (queue === 'vod-upload' && known.has(name)) {
          if (part === undefined) continue;
          // `failed`: errors of children of an earlier attempt.
          const ofChildren = part === 'processed' || part === 'failed';
          if (ofChildren && (await redis.hlen(key)) <= CHILDREN_KEPT) continue;
        }
        findings.push(`the key ${key} is left over`);
      }
    }
  });
  return findings;
}

/**
 * Whether a key is no key of a queue and expires: a cached SHA-1, video or content in VOD; the workers that VOD answers,
 * and their accounts; or the workers that don't see a file. Such a key may also expire between scan and check.
 */
async function expires(redis: Redis, key: string): Promise<boolean> {
  const [, kind = ''] = key.split(':');
  if (!EXPIRING.has(kind)) return false;
  const sender = kind === 'vod-sender' ? await redis.get(key) : null;
  const isKept = (await redis.pttl(key)) === -1;
  // Any other sender lock would belong to an ended upload and keep others waiting.
  return !isKept && (sender === null || sender === 'done');
}

/** Describes uploads that don't end, for debugging. */
export async function describeStuck(
  url: string,
  prefix: string,
  stuck: readonly Tracked[],
): Promise<string[]> {
  const lines: string[] = [];
  await withQueues(url, prefix, async (queues, redis) => {
    for (const queue of Object.values(queues)) {
      const counts = await queue.getJobCounts(...PENDING_STATES);
      const some = Object.entries(counts).filter(([, count]) => count > 0);
      const ttlMs = await queue.getRateLimitTtl();
      lines.push(
        `${queue.name}: ${some.map(([state, count]) => `${count} ${state}`).join(', ') || 'empty'}; held ${ttlMs} ms`,
      );
    }
    for (const { id } of stuck.slice(0, 10)) {
      const job = await queues.upload.getJob(id);
      const state = await queues.upload.getJobState(id);
      const children = await redis.smembers(`${queues.upload.toKey(id)}:dependencies`);
      const states = await Promise.all(
        children.slice(0, 5).map(async (key) => {
          const [, queueName, childId = ''] = key.split(':');
          const queue = Object.values(queues).find(({ name }) => name === queueName);
          const child = await queue?.getJob(childId);
          return `${childId} ${await queue?.getJobState(childId)} attempts ${child?.attemptsMade}/${child?.attemptsStarted} ${child?.failedReason ?? ''}`;
        }),
      );
      lines.push(
        `${id}: ${state}, ${JSON.stringify(job?.progress)}, run ${JSON.stringify(job?.data.run)}, ` +
          `${children.length} children pending: ${states.join('; ')}`,
      );
    }
  });
  return lines;
}

async function download(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

async function withQueues(
  url: string,
  prefix: string,
  act: (queues: Queues, redis: Redis) => Promise<void>,
): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  redis.on('error', () => {});
  const queues = openQueues(redis, prefix);
  try {
    await act(queues, redis);
  } finally {
    await closeQueues(queues);
    redis.disconnect();
  }
}
