import type { JobState, Queue } from 'bullmq';
import { parseFailure } from '../queue/failure.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { readHashFields } from '../redis/hash-fields.ts';
import type { LongList } from './long-lists.ts';
import { attemptOf, isTerminal, progressOf, stateOf, type UploadState } from './status.ts';

/** An upload as lists need it for filtering and sorting, without its job data. */
export interface UploadRow {
  readonly id: string;
  readonly jobState: JobState;
  readonly state: UploadState;
  /** When the upload ended; if it has not, when it was enqueued; 0 while it is queued. In ms since 1970. */
  readonly atMs: number;
  /** When it was enqueued; 0 if that was not read. In ms since 1970. */
  readonly createdMs: number;
}

/** A job in BullMQ's set of completed or failed jobs. */
type EndedJob = readonly [id: string, endedMs: number];

/** The ids in BullMQ's lists and sets of jobs, in the order in which BullMQ will process them. */
interface JobLists {
  readonly active: readonly string[];
  readonly parents: readonly string[];
  readonly waiting: readonly string[];
  readonly delayed: readonly string[];
  readonly failed: readonly EndedJob[];
  readonly counts: UploadLists['counts'];
}

export interface UploadLists {
  /** All uploads that are neither completed nor waiting for their first start. */
  readonly rows: readonly UploadRow[];
  /** The number of the others. They may be very many, so their rows are not read here. */
  readonly counts: Readonly<Record<LongList, number>>;
}

/** Reads the uploads in one round trip, and one more per 500 of the rows. */
export async function readUploadLists(queue: Queue, redis: RedisClient): Promise<UploadLists> {
  const { active, parents, waiting, delayed, failed, counts } = await readJobLists(queue, redis);
  const rows = [
    ...(await readRunning(queue, redis, 'active', active)),
    ...(await readRunning(queue, redis, 'waiting-children', parents)),
    ...(await readRunning(queue, redis, 'waiting', waiting)),
    ...(await readRunning(queue, redis, 'delayed', delayed)),
    ...(await readFailed(queue, redis, failed)),
  ];
  return { rows, counts };
}

/** The row of an upload that waits for its first start: one that was started before has no priority any more. */
export function queuedRow(id: string, createdMs = 0): UploadRow {
  return { id, jobState: 'prioritized', state: 'queued', atMs: 0, createdMs };
}

export function completedRow(id: string, endedMs: number, createdMs = 0): UploadRow {
  return { id, jobState: 'completed', state: 'completed', atMs: endedMs, createdMs };
}

async function readJobLists(queue: Queue, redis: RedisClient): Promise<JobLists> {
  const key = (list: string): string => queue.toKey(list);
  const replies = await redis
    .pipeline()
    .lrange(key('active'), 0, -1)
    .zrange(key('waiting-children'), '0', '-1')
    .lrange(key('wait'), 0, -1)
    .lrange(key('paused'), 0, -1)
    .zrange(key('delayed'), '0', '-1')
    .zrange(key('failed'), '0', '-1', 'WITHSCORES')
    .zcard(key('prioritized'))
    .zcard(key('completed'))
    .exec();
  const [active, parents, wait, paused, delayed, failed, prioritized, completed] = (replies ?? []).map(
    ([error, reply]) => {
      if (error) throw error;
      return reply;
    },
  ) as [string[], string[], string[], string[], string[], string[], number, number];
  return {
    ...{ active, parents, delayed, counts: { prioritized, completed } },
    // BullMQ takes jobs from the right end of these lists.
    waiting: [...wait, ...paused].reverse(),
    failed: toEndedJobs(failed),
  };
}

/** Uploads that may have started: their state is the stage in their stored progress. */
async function readRunning(
  queue: Queue,
  redis: RedisClient,
  jobState: JobState,
  ids: readonly string[],
): Promise<UploadRow[]> {
  const keys = ids.map((id) => queue.toKey(id));
  const rows: UploadRow[] = [];
  const fields = ['timestamp', 'progress', 'atm', 'finishedOn'];
  for await (const [timestamp, progress, attemptsMade, finishedOn] of readHashFields(redis, keys, fields)) {
    const attempt = attemptOf({
      attemptsMade: Number(attemptsMade ?? 0),
      finishedOn: finishedOn == null ? undefined : Number(finishedOn),
    });
    const stored = progressOf(parseJsonOr(undefined, progress), attempt);
    const state = stateOf(jobState, undefined, stored?.stage);
    const createdMs = Number(timestamp ?? 0);
    const atMs = state === 'queued' ? 0 : createdMs;
    rows.push({ id: ids[rows.length] ?? '', jobState, state, atMs, createdMs });
  }
  return rows;
}

/** Failed and cancelled uploads: failedReason tells which. */
async function readFailed(queue: Queue, redis: RedisClient, jobs: readonly EndedJob[]): Promise<UploadRow[]> {
  const keys = jobs.map(([id]) => queue.toKey(id));
  const rows: UploadRow[] = [];
  for await (const [reason, timestamp] of readHashFields(redis, keys, ['failedReason', 'timestamp'])) {
    const [id, atMs] = jobs[rows.length] as EndedJob;
    const state = stateOf('failed', parseFailure(reason ?? ''), undefined);
    rows.push({ id, jobState: 'failed', state, atMs, createdMs: Number(timestamp ?? 0) });
  }
  return rows;
}

function toEndedJobs(idsAndScores: readonly string[]): EndedJob[] {
  const jobs: EndedJob[] = [];
  for (let at = 0; at + 1 < idsAndScores.length; at += 2) {
    jobs.push([idsAndScores[at] as string, Number(idsAndScores[at + 1])]);
  }
  return jobs;
}

const STATE_ORDER: readonly UploadState[] = [
  'finishing',
  'uploading',
  'hashing',
  'initializing',
  'transcoding',
  'queued',
];

/**
 * Sorts uploads: first those that run, by state, newest first within a state; then queued ones, in the order in which
 * they will be processed; then delayed ones; then ended ones, the latest end first. An upload that was read twice, because
 * it moved to another list meanwhile, is returned once.
 */
export function sortByActivity(rows: readonly UploadRow[]): UploadRow[] {
  const unique = new Map<string, UploadRow>();
  for (const row of rows) if (!unique.has(row.id)) unique.set(row.id, row);
  const groups = Map.groupBy(unique.values(), rankOf);
  return [...groups]
    .sort(([a], [b]) => a - b)
    .flatMap(([, members]) => members.sort((a, b) => b.atMs - a.atMs));
}

/** The position of an upload's group: see {@link sortByActivity}. */
function rankOf({ state, jobState }: UploadRow): number {
  if (isTerminal(state)) return STATE_ORDER.length + 1;
  if (state === 'queued' && jobState === 'delayed') return STATE_ORDER.length;
  return STATE_ORDER.indexOf(state);
}

/** Whether an upload is listed before those that wait for their first start. */
export function isBeforeQueued(row: UploadRow): boolean {
  return rankOf(row) < STATE_ORDER.length;
}
