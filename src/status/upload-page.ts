import type { Queue } from 'bullmq';
import { defined } from '../base/defined.ts';
import { parseFailure } from '../queue/failure.ts';
import { JOB_FIELDS, storedJob } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { type FieldValues, readHashFields } from '../redis/hash-fields.ts';
import { SEARCHED_FIELDS, searchFor } from './search.ts';
import { statusOf, UPLOAD_STATES, type UploadState, type UploadStatus } from './status.ts';
import { readUploadRows, sortByActivity, type UploadRow } from './upload-rows.ts';

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
type ReadJobs = (rows: readonly UploadRow[], fields: readonly string[]) => AsyncGenerator<FieldValues>;

/** Reads one page of uploads by state and search; with 10,000 uploads in a fraction of a second. */
export async function readUploadPage(
  queue: Queue,
  redis: RedisClient,
  { state, search = '', offset = 0, limit, order }: UploadPageQuery,
): Promise<UploadPage> {
  const readJobs: ReadJobs = (rows, fields) =>
    readHashFields(
      redis,
      rows.map(({ id }) => queue.toKey(id)),
      fields,
    );
  const all = sortByActivity(await readUploadRows(queue, redis));
  const inState = state === undefined ? all : all.filter((row) => row.state === state);
  const rows = order === 'activity' ? inState : await newestFirst(readJobs, inState);
  const end = offset + limit;
  const matches = search === '' ? rows : await searchRows(readJobs, rows, search, end + 1);
  return {
    uploads: await readStatuses(readJobs, matches.slice(offset, end)),
    counts: countStates(all),
    ...defined({ total: search === '' ? matches.length : undefined }),
    more: matches.length > end,
  };
}

/** The first `limit` rows that match the search. A row whose id is the text is the only match. */
async function searchRows(
  readJobs: ReadJobs,
  rows: readonly UploadRow[],
  text: string,
  limit: number,
): Promise<UploadRow[]> {
  const search = searchFor(text);
  const exact = search.ids.flatMap((id) => rows.find((row) => row.id === id) ?? []);
  if (exact[0]?.id === text) return exact.slice(0, 1);
  const matches = [...exact];
  let index = 0;
  for await (const [name, data, returnvalue] of readJobs(rows, SEARCHED_FIELDS)) {
    const row = rows[index++] as UploadRow;
    const upload = { id: row.id, name: name ?? '', data: data ?? '', returnvalue: returnvalue ?? '' };
    if (search.matches(upload) && !exact.includes(row)) matches.push(row);
    if (matches.length >= limit) break;
  }
  return matches;
}

async function newestFirst(readJobs: ReadJobs, rows: readonly UploadRow[]): Promise<UploadRow[]> {
  const created: (readonly [UploadRow, number])[] = [];
  for await (const [timestamp] of readJobs(rows, ['timestamp'])) {
    created.push([rows[created.length] as UploadRow, Number(timestamp ?? 0)]);
  }
  return created.sort(([, a], [, b]) => b - a).map(([row]) => row);
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
