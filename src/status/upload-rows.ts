import type { JobState, Queue } from 'bullmq';
import { parseFailure } from '../queue/failure.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { readHashFields } from '../redis/hash-fields.ts';
import { attemptOf, isTerminal, progressOf, stateOf, type UploadState } from './status.ts';

/** Where an upload is: all that is known of it without reading the whole job. */
export interface UploadRow {
  readonly id: string;
  readonly jobState: JobState;
  readonly state: UploadState;
  /** When it was enqueued or, of one that has ended, when that was; 0 of one that is queued. */
  readonly atMs: number;
}

/** A list of ids in the order in which BullMQ will take them, or of ids and the times of their ends. */
type Found = readonly (readonly [id: string, endedMs?: number])[];

/** Where every upload is, in no order but the queue's own; one round trip, and one more per 500 that are under way. */
export async function readUploadRows(queue: Queue, redis: RedisClient): Promise<UploadRow[]> {
  const key = (list: string): string => queue.toKey(list);
  const replies = await redis
    .pipeline()
    .lrange(key('active'), 0, -1)
    .zrange(key('waiting-children'), '0', '-1')
    .lrange(key('wait'), 0, -1)
    .lrange(key('paused'), 0, -1)
    .zrange(key('prioritized'), '0', '-1')
    .zrange(key('delayed'), '0', '-1')
    .zrange(key('failed'), '0', '-1', 'WITHSCORES')
    .zrange(key('completed'), '0', '-1', 'WITHSCORES')
    .exec();
  const [active, parents, wait, paused, prioritized, delayed, failed, completed] = (replies ?? []).map(
    ([error, found]) => {
      if (error) throw error;
      return found as string[];
    },
  ) as [string[], string[], string[], string[], string[], string[], string[], string[]];
  const ids = (found: readonly string[]): Found => found.map((id) => [id]);
  return [
    ...(await running(queue, redis, 'active', ids(active))),
    ...(await running(queue, redis, 'waiting-children', ids(parents))),
    // BullMQ takes them from the right.
    ...(await running(queue, redis, 'waiting', ids([...wait, ...paused].reverse()))),
    // Whatever was taken once has no priority any more.
    ...prioritized.map((id): UploadRow => ({ id, jobState: 'prioritized', state: 'queued', atMs: 0 })),
    ...(await running(queue, redis, 'delayed', ids(delayed))),
    ...(await ended(queue, redis, scored(failed))),
    ...scored(completed).map(
      ([id, endedMs = 0]): UploadRow => ({ id, jobState: 'completed', state: 'completed', atMs: endedMs }),
    ),
  ];
}

/** Uploads that have begun, or may have: the stage that they wrote down tells. */
async function running(
  queue: Queue,
  redis: RedisClient,
  jobState: JobState,
  found: Found,
): Promise<UploadRow[]> {
  const keys = found.map(([id]) => queue.toKey(id));
  const entries: UploadRow[] = [];
  const fields = ['timestamp', 'progress', 'atm', 'finishedOn'];
  for await (const [timestamp, progress, ended, finishedOn] of readHashFields(redis, keys, fields)) {
    const [id = ''] = found[entries.length] ?? [];
    const attempt = attemptOf({
      attemptsMade: Number(ended ?? 0),
      finishedOn: finishedOn == null ? undefined : Number(finishedOn),
    });
    const stored = progressOf(parseJsonOr(undefined, progress), attempt);
    const state = stateOf(jobState, undefined, stored?.stage);
    entries.push({ id, jobState, state, atMs: state === 'queued' ? 0 : Number(timestamp ?? 0) });
  }
  return entries;
}

/** Uploads that have failed, or were cancelled: the reason tells. */
async function ended(queue: Queue, redis: RedisClient, found: Found): Promise<UploadRow[]> {
  const keys = found.map(([id]) => queue.toKey(id));
  const entries: UploadRow[] = [];
  for await (const [reason] of readHashFields(redis, keys, ['failedReason'])) {
    const [id = '', endedMs = 0] = found[entries.length] ?? [];
    const state = stateOf('failed', parseFailure(reason ?? ''), undefined);
    entries.push({ id, jobState: 'failed', state, atMs: endedMs });
  }
  return entries;
}

function scored(membersAndScores: readonly string[]): Found {
  const found: [string, number][] = [];
  for (let at = 0; at + 1 < membersAndScores.length; at += 2) {
    found.push([membersAndScores[at] ?? '', Number(membersAndScores[at + 1])]);
  }
  return found;
}

const BY_INTEREST: readonly UploadState[] = [
  'finishing',
  'uploading',
  'hashing',
  'initializing',
  'transcoding',
  'queued',
];

/**
 * Orders uploads by what is most worth looking at: those that come to their end and those that send, those that are
 * on their way there, each newest first; then what is queued, in the order in which it will be taken; then what has
 * ended, the latest first. An upload that moved while it was read is told once.
 */
export function sortByActivity(entries: readonly UploadRow[]): UploadRow[] {
  const once = new Map<string, UploadRow>();
  for (const entry of entries) if (!once.has(entry.id)) once.set(entry.id, entry);
  const group = ({ state, jobState }: UploadRow): number => {
    if (isTerminal(state)) return BY_INTEREST.length + 1;
    // Queued for later.
    if (state === 'queued' && jobState === 'delayed') return BY_INTEREST.length;
    return BY_INTEREST.indexOf(state);
  };
  const groups = Map.groupBy(once.values(), group);
  return [...groups]
    .sort(([a], [b]) => a - b)
    .flatMap(([, members]) => members.sort((a, b) => b.atMs - a.atMs));
}
