import { defined } from '../base/defined.ts';
import { parseFailure } from '../queue/failure.ts';
import { JOB_FIELDS, storedJob } from '../queue/stored-job.ts';
import { type FieldValues, readHashFields } from '../redis/hash-fields.ts';
import { ActivityOrder } from './activity-order.ts';
import { LongLists } from './long-lists.ts';
import { type QueuesInRedis, readQuotaWaits } from './quota-waits.ts';
import { isFoldedByRedis, SEARCHED_FIELDS, searchFor } from './search.ts';
import { statusOf, UPLOAD_STATES, type UploadState, type UploadStatus, withQuotaWait } from './status.ts';
import {
  completedRow,
  queuedRow,
  readUploadLists,
  sortByActivity,
  type UploadLists,
  type UploadRow,
} from './upload-rows.ts';

export interface UploadPageQuery {
  readonly state?: UploadState | undefined;
  /** A text for {@link searchFor}; empty: no search. */
  readonly search?: string | undefined;
  readonly offset?: number | undefined;
  readonly limit: number;
  /** `activity`: see {@link sortByActivity}; `newest`: by creation time, newest first. */
  readonly order: 'activity' | 'newest';
}

/** An upload whose job data is invalid, or was written by another version. */
export interface UnreadableUpload {
  readonly id: string;
  readonly state: UploadState;
  /** Why it can't be read. */
  readonly unreadable: string;
}

export interface UploadPage {
  readonly uploads: readonly (UploadStatus | UnreadableUpload)[];
  /** Number of uploads per state, regardless of the query. */
  readonly counts: Readonly<Record<UploadState, number>>;
  /** Number of uploads that match the query. Absent for a search, which stops when the page is full. */
  readonly total?: number;
  /** Whether there is a next page. */
  readonly more: boolean;
}

/** Reads fields of the jobs of these rows, in the same order. */
type ReadJobs = (
  rows: readonly Pick<UploadRow, 'id'>[],
  fields: readonly string[],
) => AsyncGenerator<FieldValues>;

/** Reads one page of uploads. Without a search, its cost does not depend on how many uploads wait or have completed. */
export async function readUploadPage(inRedis: QueuesInRedis, query: UploadPageQuery): Promise<UploadPage> {
  const { queues, redis } = inRedis;
  const queue = queues.upload;
  const { state, search = '', offset = 0, limit } = query;
  const readJobs: ReadJobs = (rows, fields) =>
    readHashFields(
      redis,
      rows.map(({ id }) => queue.toKey(id)),
      fields,
    );
  const lists = await readUploadLists(queue, redis);
  const all = sortByActivity(lists.rows);
  const { prioritized, completed } = lists.counts;
  const uploads: UploadsOfState = {
    rows: state === undefined ? all : all.filter((row) => row.state === state),
    counts: {
      prioritized: state === undefined || state === 'queued' ? prioritized : 0,
      completed: state === undefined || state === 'completed' ? completed : 0,
    },
    lists: new LongLists(queue, redis),
    readJobs,
  };
  const end = offset + limit;
  const reader = query.order === 'activity' ? readByActivity : readNewest;
  // One more, to know whether there is a next page.
  const rows = await reader(uploads, search, search === '' ? offset : 0, end + 1);
  const page = uniqueById(search === '' ? rows.slice(0, limit) : rows.slice(offset, end));
  const [statuses, quotaWaits] = await Promise.all([
    readStatuses(readJobs, page),
    readQuotaWaits(inRedis, page),
  ]);
  const total = uploads.rows.length + uploads.counts.prioritized + uploads.counts.completed;
  const counts = countStates(all);
  counts.queued += prioritized;
  counts.completed += completed;
  return {
    uploads: statuses.map((upload) =>
      'unreadable' in upload ? upload : withQuotaWait(upload, quotaWaits.get(upload.id)),
    ),
    counts,
    ...defined({ total: search === '' ? total : undefined }),
    more: search === '' ? total > end : rows.length > end,
  };
}

interface UploadsOfState {
  readonly rows: readonly UploadRow[];
  readonly counts: UploadLists['counts'];
  readonly lists: LongLists;
  readonly readJobs: ReadJobs;
}

/** @returns the uploads from `from` to before `to`, of those that match */
type ReadRows = (uploads: UploadsOfState, search: string, from: number, to: number) => Promise<UploadRow[]>;

const readByActivity: ReadRows = async ({ rows, counts, lists, readJobs }, search, from, to) => {
  const order = new ActivityOrder(lists, rows, counts);
  if (search === '') return await order.read(from, to);
  const { exact, matches, textInRedis } = await startSearch({ rows, counts, lists, readJobs }, search);
  if (exact[0]?.id === search) return exact.slice(0, 1);
  const found = [...exact];
  for await (const batch of order.search(textInRedis)) {
    for await (const row of matches(batch)) {
      found.push(row);
      if (found.length >= to) return found.slice(from);
    }
  }
  return found.slice(from, to);
};

const readNewest: ReadRows = async (uploads, search, from, to) => {
  const { rows, counts, lists } = uploads;
  const { exact, matches, textInRedis: text } = await startSearch(uploads, search);
  if (exact[0]?.id === search) return exact.slice(0, 1);
  const filter = async <T extends Pick<UploadRow, 'id'>>(jobs: readonly T[]): Promise<readonly T[]> => {
    if (search === '') return jobs;
    const found: T[] = [];
    for await (const job of matches(jobs)) found.push(job);
    return found;
  };
  const query = { text, filter, count: to };
  const found = [
    ...(await filter(rows)),
    ...(counts.prioritized === 0 ? [] : await lists.newest('prioritized', query)).map(({ id, createdMs }) =>
      queuedRow(id, createdMs),
    ),
    ...(counts.completed === 0 ? [] : await lists.newest('completed', query)).map((job) =>
      completedRow(job.id, job.endedMs, job.createdMs),
    ),
  ];
  return [...exact, ...found.sort((a, b) => b.createdMs - a.createdMs)].slice(from, to);
};

interface StartedSearch {
  /** The uploads whose id or key is the text. */
  readonly exact: readonly UploadRow[];
  /** The other uploads that match, of some. */
  readonly matches: <T extends Pick<UploadRow, 'id'>>(
    some: readonly T[],
  ) => AsyncGenerator<T, void, undefined>;
  /** What Redis searches for, to read fewer jobs: empty if it can't, because it does not fold the case of this text. */
  readonly textInRedis: string;
}

async function startSearch(uploads: UploadsOfState, text: string): Promise<StartedSearch> {
  const search = searchFor(text);
  const exact: UploadRow[] = [];
  if (text !== '') for (const id of search.ids) exact.push(...(await rowOf(uploads, id)));
  return {
    exact,
    textInRedis: isFoldedByRedis(text) ? text.toLowerCase() : '',
    async *matches(some) {
      let index = 0;
      for await (const [name, data, returnvalue] of uploads.readJobs(some, SEARCHED_FIELDS)) {
        const row = some[index++] as (typeof some)[number];
        const upload = { id: row.id, name: name ?? '', data: data ?? '', returnvalue: returnvalue ?? '' };
        if (search.matches(upload) && !exact.some(({ id }) => id === row.id)) yield row;
      }
    },
  };
}

async function rowOf({ rows, counts, lists }: UploadsOfState, id: string): Promise<UploadRow[]> {
  const row = rows.find((one) => one.id === id);
  if (row !== undefined) return [row];
  if (counts.prioritized > 0 && (await lists.scoreOf('prioritized', id)) !== undefined)
    return [queuedRow(id)];
  const endedMs = counts.completed > 0 ? await lists.scoreOf('completed', id) : undefined;
  return endedMs === undefined ? [] : [completedRow(id, endedMs)];
}

/** An upload is in two lists if it moved meanwhile. */
function uniqueById(rows: readonly UploadRow[]): UploadRow[] {
  return [...new Map(rows.toReversed().map((row) => [row.id, row])).values()].reverse();
}

async function readStatuses(
  readJobs: ReadJobs,
  rows: readonly UploadRow[],
): Promise<(UploadStatus | UnreadableUpload)[]> {
  const uploads: (UploadStatus | UnreadableUpload)[] = [];
  let index = 0;
  for await (const values of readJobs(rows, JOB_FIELDS)) {
    const { id, jobState, state } = rows[index++] as UploadRow;
    const wasRemoved = values.every((value) => value == null);
    if (wasRemoved) continue;
    try {
      uploads.push(statusOf(storedJob(id, values), jobState));
    } catch (error) {
      uploads.push({ id, state, unreadable: parseFailure((error as Error).message).message });
    }
  }
  return uploads;
}

function countStates(rows: readonly UploadRow[]): Record<UploadState, number> {
  const counts = Object.fromEntries(UPLOAD_STATES.map((state) => [state, 0])) as Record<UploadState, number>;
  for (const { state } of rows) counts[state]++;
  return counts;
}
