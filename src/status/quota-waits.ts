import type { JobState } from 'bullmq';
import { type Stage, uploadIdOfChild } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import { apiHoldKey, holdKey, parseHold } from '../quota/hold.ts';
import type { RedisClient } from '../redis/client.ts';
import type { UploadState } from './status.ts';

/** The stage whose jobs make the calls to VOD that an upload in this state waits for. */
const CALLING_STAGES: Readonly<Partial<Record<UploadState, Stage>>> = {
  initializing: 'init',
  uploading: 'part',
  finishing: 'finish',
  transcoding: 'transcode',
};

export interface QueuesInRedis {
  readonly queues: Queues;
  readonly redis: RedisClient;
  /** Prefix of all keys. */
  readonly prefix: string;
}

/** An upload that may wait for the account's quota. */
export interface RunningUpload {
  readonly id: string;
  readonly state: UploadState;
  /** Of the upload's own job. */
  readonly jobState: JobState | 'unknown';
}

/**
 * Finds the uploads that wait for nothing but the account's quota: the queue of their current stage is held for it, a job
 * of theirs waits there, and none is active. Costs no command if no upload is in such a stage, and otherwise two round
 * trips at most, for any number of uploads.
 * @returns milliseconds until the quota allows the next request, by the id of the upload
 */
export async function readQuotaWaits(
  inRedis: QueuesInRedis,
  uploads: readonly RunningUpload[],
): Promise<ReadonlyMap<string, number>> {
  const callers = uploads.flatMap(({ id, state, jobState }) => {
    const stage = CALLING_STAGES[state];
    return stage !== undefined && jobState === 'waiting-children' ? [{ id, stage }] : [];
  });
  if (callers.length === 0) return new Map();
  const waitMs = await readHeldStages(inRedis, new Set(callers.map(({ stage }) => stage)));
  const held = callers.filter(({ stage }) => waitMs.has(stage));
  if (held.length === 0) return new Map();
  const waiting = await readWaiting(inRedis, held);
  return new Map(waiting.map(({ id, stage }) => [id, waitMs.get(stage) ?? 0]));
}

/** @returns for how many milliseconds these stages are held for quota; a stage that is not held for it is absent */
async function readHeldStages(
  { queues, redis, prefix }: QueuesInRedis,
  stages: ReadonlySet<Stage>,
): Promise<ReadonlyMap<Stage, number>> {
  const [[hold = null, apiHold = null], ...found] = await Promise.all([
    redis.mget(holdKey(prefix), apiHoldKey(prefix)),
    ...[...stages].map(async (stage) => {
      const queue = queues[stage];
      const [limitMs, isPaused] = await Promise.all([queue.getRateLimitTtl(), queue.isPaused()]);
      return { stage, limitMs, isPaused };
    }),
  ]);
  return new Map(
    found.flatMap(({ stage, limitMs, isPaused }) => {
      // The probes of a circuit breaker are limited in the same way.
      const isProbed = parseHold(stage === 'transcode' ? apiHold : hold) !== undefined;
      return limitMs > 0 && !isPaused && !isProbed ? [[stage, limitMs] as const] : [];
    }),
  );
}

interface Caller {
  readonly id: string;
  readonly stage: Stage;
}

/** Those that have a job which is neither active nor delayed, and no active one. */
async function readWaiting(
  { queues, redis }: QueuesInRedis,
  callers: readonly Caller[],
): Promise<readonly Caller[]> {
  const stages = [...new Set(callers.map(({ stage }) => stage))];
  const pipeline = redis.pipeline();
  for (const stage of stages) {
    pipeline.lrange(queues[stage].toKey('active'), 0, -1);
    pipeline.zrange(queues[stage].toKey('delayed'), '0', '-1');
  }
  for (const { id } of callers) pipeline.scard(`${queues.upload.toKey(id)}:dependencies`);
  const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
  const jobs = replies.splice(0, 2 * stages.length) as readonly (readonly string[])[];
  const active = new Set(
    jobs.filter((_, index) => index % 2 === 0).flatMap((ids) => ids.map(uploadIdOfChild)),
  );
  const delayed = new Map<string, number>();
  for (const childId of jobs.filter((_, index) => index % 2 === 1).flat()) {
    const id = uploadIdOfChild(childId);
    delayed.set(id, (delayed.get(id) ?? 0) + 1);
  }
  return callers.filter(
    ({ id }, index) => !active.has(id) && Number(replies[index]) > (delayed.get(id) ?? 0),
  );
}
