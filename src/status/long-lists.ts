import type { Queue } from 'bullmq';
import { PRIORITY } from '../queue/jobs/priority.ts';
import type { RedisClient } from '../redis/client.ts';
import { COUNTER_RANGE } from './oldest-due.ts';

/*
 * The lists of BullMQ that may hold hundreds of thousands of uploads: those that have not started (`prioritized`), and those
 * that have completed. Only parts of them are read, in commands that keep Redis busy for about 2 ms.
 */

export type LongList = 'prioritized' | 'completed';

const SCAN_COUNT = 1000;

/** Uploads may be listed in the wrong order if the clocks of their producers differ by more than this. */
const CLOCK_SKEW_MS = 1000;

/**
 * KEYS[1]: a sorted set of jobs. ARGV: command and its range; prefix of the jobs' keys; a text to search for, in lower case,
 * which may be empty; the same text as in JSON; the minimum creation time. Returns the number of jobs in the range, the
 * creation time of the last of them that had no delay, and of each job that matches: id, creation time and end.
 */
const SCAN = `
local ids = redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3])
local prefix, text, inJson, minimum = ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local fields = {'timestamp', 'opts', 'finishedOn'}
if text ~= '' then fields = {'timestamp', 'opts', 'finishedOn', 'name', 'data', 'returnvalue'} end
local function has(value, wanted)
  return value and string.find(string.lower(value), wanted, 1, true)
end
local found, last = {#ids, ''}, 0
for _, id in ipairs(ids) do
  local job = redis.pcall('HMGET', prefix .. id, unpack(fields))
  local created = not job.err and tonumber(job[1] or '')
  if created then
    if not string.find(job[2] or '', '"delay":[1-9]') then last = created end
    if created >= minimum and (text == '' or string.lower(id) == text or has(job[4], text) or
        has(job[5], inJson) or has(job[6], inJson)) then
      found[#found + 1] = id
      found[#found + 1] = job[1]
      found[#found + 1] = job[3] or '0'
    end
  end
end
found[2] = tostring(last)
return found`;

export interface FoundJob {
  readonly id: string;
  /** When it was enqueued, in ms since 1970. */
  readonly createdMs: number;
  /** When it ended, in ms since 1970; 0 if it has not. */
  readonly endedMs: number;
}

interface ScanOptions {
  readonly text?: string;
  readonly minimum?: number;
}

interface Scanned {
  /** Number of jobs that were looked at. */
  readonly count: number;
  readonly lastMs: number;
  readonly jobs: readonly FoundJob[];
}

/** Which of the newest jobs are wanted. */
export interface NewestQuery {
  /** How many. */
  readonly count: number;
  /** A text as for {@link LongLists.search}. */
  readonly text: string;
  /** Returns those of the found jobs that really match. */
  readonly filter: (jobs: readonly FoundJob[]) => Promise<readonly FoundJob[]>;
}

/** Reads the two lists of a queue. */
export class LongLists {
  readonly #queue: Queue;
  readonly #redis: RedisClient;

  constructor(queue: Queue, redis: RedisClient) {
    this.#queue = queue;
    this.#redis = redis;
  }

  /** Ids of jobs that have not started, in the order in which they will be processed. */
  async queued(from: number, to: number): Promise<string[]> {
    if (to <= from) return [];
    return await this.#redis.zrange(this.#queue.toKey('prioritized'), String(from), String(to - 1));
  }

  /** Ids and times of the end of completed jobs, the latest end first. */
  async completed(from: number, to: number): Promise<(readonly [id: string, endedMs: number])[]> {
    if (to <= from) return [];
    const key = this.#queue.toKey('completed');
    const replies = await this.#redis.zrevrange(key, from, to - 1, 'WITHSCORES');
    return Array.from({ length: replies.length / 2 }, (_, index) => [
      replies[2 * index] as string,
      Number(replies[2 * index + 1]),
    ]);
  }

  /** @returns when a job ended, or the score of one that waits; undefined if it is not in the list */
  async scoreOf(list: LongList, id: string): Promise<number | undefined> {
    const score = await this.#redis.zscore(this.#queue.toKey(list), id);
    return score === null ? undefined : Number(score);
  }

  /**
   * The jobs whose searched fields contain the text, which is ASCII in lower case: all that match a search, and a few more.
   * In the order of {@link queued} or {@link completed}, in batches, so that the caller can stop early.
   */
  async *search(list: LongList, text: string): AsyncGenerator<readonly FoundJob[], void, undefined> {
    const command = list === 'prioritized' ? 'ZRANGE' : 'ZREVRANGE';
    for (let from = 0; ; from += SCAN_COUNT) {
      const { count, jobs } = await this.#scan(list, command, [from, from + SCAN_COUNT - 1], { text });
      yield jobs;
      if (count < SCAN_COUNT) return;
    }
  }

  /** The newest jobs of a list, the newest first. */
  async newest(list: LongList, query: NewestQuery): Promise<readonly FoundJob[]> {
    const newest = new Newest(query);
    if (list === 'completed') await this.#newestCompleted(newest, query);
    else await this.#newestQueued(newest, query);
    return newest.jobs;
  }

  /** From the end of each level, in which jobs are in the order in which they were enqueued, or became due after a delay. */
  async #newestQueued(newest: Newest, { text }: NewestQuery): Promise<void> {
    let end = 0;
    for (const count of await this.#countLevels()) {
      // Positions from the end, which is the last level.
      const [first, last] = [end, end + count - 1];
      end += count;
      for (let from = first; from <= last; from += SCAN_COUNT) {
        const range = [from, Math.min(last, from + SCAN_COUNT - 1)] as const;
        const options = { text, minimum: newest.minimum };
        const { lastMs, jobs } = await this.#scan('prioritized', 'ZREVRANGE', range, options);
        await newest.add(jobs);
        // What was enqueued before a job without a delay is not newer than it.
        if (lastMs > 0 && lastMs < newest.minimum - CLOCK_SKEW_MS) break;
      }
    }
  }

  /** The number of jobs that have not started, by priority level, the last level first. */
  async #countLevels(): Promise<number[]> {
    const counts = this.#redis.pipeline();
    const { first, last }: { readonly first: number; readonly last: number } = PRIORITY;
    for (let level = last; level >= first; level--) {
      const min = level === first ? '-inf' : level * COUNTER_RANGE;
      const max = level === last ? '+inf' : `(${(level + 1) * COUNTER_RANGE}`;
      counts.zcount(this.#queue.toKey('prioritized'), min, max);
    }
    return ((await counts.exec()) ?? []).map(([error, count]) => {
      if (error) throw error;
      return Number(count);
    });
  }

  /** From the latest end on, until all others ended before the newest jobs were enqueued. */
  async #newestCompleted(newest: Newest, { text }: NewestQuery): Promise<void> {
    for (let from = 0; ; from += SCAN_COUNT) {
      const to = from + SCAN_COUNT;
      const options = { text, minimum: newest.minimum };
      const { count, jobs } = await this.#scan('completed', 'ZREVRANGE', [from, to - 1], options);
      await newest.add(jobs);
      const [[, endedMs] = ['', 0]] = await this.completed(to - 1, to);
      if (count < SCAN_COUNT || endedMs < newest.minimum - CLOCK_SKEW_MS) return;
    }
  }

  async #scan(
    list: LongList,
    command: 'ZRANGE' | 'ZREVRANGE',
    range: readonly [first: number, last: number],
    { text = '', minimum = 0 }: ScanOptions,
  ): Promise<Scanned> {
    const inJson = JSON.stringify(text).slice(1, -1);
    const [key, prefix] = [this.#queue.toKey(list), this.#queue.toKey('')];
    const args = [command, ...range, prefix, text, inJson, minimum];
    const [count, last, ...found] = (await this.#redis.eval(SCAN, 1, key, ...args)) as [number, string];
    const jobs: FoundJob[] = [];
    for (let at = 0; at + 2 < found.length; at += 3) {
      const [id, createdMs, endedMs] = found.slice(at, at + 3);
      jobs.push({ id: String(id), createdMs: Number(createdMs), endedMs: Number(endedMs) });
    }
    return { count, lastMs: Number(last), jobs };
  }
}

/** Collects jobs, and tells from which creation time on another one is among the newest. */
class Newest {
  readonly #query: NewestQuery;
  jobs: readonly FoundJob[] = [];
  /** In ms since 1970; 0 while there are too few jobs. */
  minimum = 0;

  constructor(query: NewestQuery) {
    this.#query = query;
  }

  async add(jobs: readonly FoundJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const { count, filter } = this.#query;
    const all = [...this.jobs, ...(await filter(jobs))];
    this.jobs = all.sort((a, b) => b.createdMs - a.createdMs).slice(0, count);
    if (this.jobs.length === count) this.minimum = this.jobs.at(-1)?.createdMs ?? 0;
  }
}
