import type { Queue } from 'bullmq';
import { parseFailure } from '../queue/failure.ts';
import { JOB_FIELDS, storedJob } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { readHashFields } from '../redis/hash-fields.ts';
import { SEARCHED_FIELDS, searchFor } from './search.ts';
import { statusOf, UPLOAD_STATES, type UploadState, type UploadStatus } from './status.ts';
import { readUploadRows, sortByActivity, type UploadRow } from './upload-rows.ts';

export interface UploadPageQuery {
  readonly state?: UploadState | undefined;
  /** What {@link searchFor} takes; empty = no search. */
  readonly search?: string | undefined;
  readonly offset?: number | undefined;
  readonly limit: number;
  /** activity: see {@link sortByActivity}; newest: by when it was enqueued, the newest first. */
  readonly order: 'activity' | 'newest';
}

/** An upload whose job is not of this version's form, or no sense at all. */
export interface UnreadableUpload {
  readonly id: string;
  readonly state: UploadState;
  /** What is wrong with it. */
  readonly unreadable: string;
}

export interface UploadPage {
  readonly uploads: readonly (UploadStatus | UnreadableUpload)[];
  /** Of all uploads, whatever was asked for. */
  readonly counts: Readonly<Record<UploadState, number>>;
  /** How many fit; absent for a search, which ends as soon as the page is full. */
  readonly total?: number;
  /** Whether there is a next page. */
  readonly more: boolean;
}

/** Finds uploads in Redis by state and search: of 10,000 in a fraction of a second. */
export class UploadPages {
  readonly #queue: Queue;
  readonly #redis: RedisClient;

  /** @param queue of upload jobs */
  constructor(queue: Queue, redis: RedisClient) {
    this.#queue = queue;
    this.#redis = redis;
  }

  async page({ state, search = '', offset = 0, limit, order }: UploadPageQuery): Promise<UploadPage> {
    const all = sortByActivity(await readUploadRows(this.#queue, this.#redis));
    const inState = state === undefined ? all : all.filter((entry) => entry.state === state);
    const entries = order === 'activity' ? inState : await this.#newestFirst(inState);
    const end = offset + limit;
    const found = search === '' ? entries : await this.#found(entries, search, end + 1);
    return {
      uploads: await this.#statuses(found.slice(offset, end)),
      counts: countStates(all),
      ...(search === '' && { total: found.length }),
      more: found.length > end,
    };
  }

  /** The first so many that fit the search. */
  async #found(entries: readonly UploadRow[], text: string, most: number): Promise<UploadRow[]> {
    const search = searchFor(text);
    const known = search.ids.flatMap((id) => entries.find((entry) => entry.id === id) ?? []);
    if (known[0]?.id === text) return known.slice(0, 1);
    const found = [...known];
    let index = 0;
    for await (const [name, data, returnvalue] of this.#fields(entries, SEARCHED_FIELDS)) {
      const entry = entries[index++] as UploadRow;
      const upload = { id: entry.id, name: name ?? '', data: data ?? '', returnvalue: returnvalue ?? '' };
      if (search.matches(upload) && !known.includes(entry)) found.push(entry);
      if (found.length >= most) break;
    }
    return found;
  }

  async #newestFirst(entries: readonly UploadRow[]): Promise<UploadRow[]> {
    const enqueued: (readonly [UploadRow, number])[] = [];
    for await (const [timestamp] of this.#fields(entries, ['timestamp'])) {
      enqueued.push([entries[enqueued.length] as UploadRow, Number(timestamp ?? 0)]);
    }
    return enqueued.sort(([, a], [, b]) => b - a).map(([entry]) => entry);
  }

  async #statuses(entries: readonly UploadRow[]): Promise<(UploadStatus | UnreadableUpload)[]> {
    const uploads: (UploadStatus | UnreadableUpload)[] = [];
    let index = 0;
    for await (const values of this.#fields(entries, JOB_FIELDS)) {
      const { id, jobState, state } = entries[index++] as UploadRow;
      const removed = values.every((value) => value == null);
      if (removed) continue;
      try {
        uploads.push(statusOf(storedJob(id, values), jobState));
      } catch (error) {
        uploads.push({ id, state, unreadable: parseFailure((error as Error).message).message });
      }
    }
    return uploads;
  }

  #fields(entries: readonly UploadRow[], fields: readonly string[]) {
    const keys = entries.map(({ id }) => this.#queue.toKey(id));
    return readHashFields(this.#redis, keys, fields);
  }
}

function countStates(entries: readonly UploadRow[]): Record<UploadState, number> {
  const counts = Object.fromEntries(UPLOAD_STATES.map((state) => [state, 0])) as Record<UploadState, number>;
  for (const { state } of entries) counts[state]++;
  return counts;
}
