import type { LongLists } from './long-lists.ts';
import { isTerminal } from './status.ts';
import { completedRow, isBeforeQueued, queuedRow, type UploadRow } from './upload-rows.ts';

/**
 * Uploads in the order of `sortByActivity`: those that run, those that wait for their first start, delayed ones, and ended
 * ones. Of those that wait or have completed only the wanted ones are read.
 */
export class ActivityOrder {
  readonly #lists: LongLists;
  readonly #before: readonly UploadRow[];
  readonly #queued: number;
  readonly #delayed: readonly UploadRow[];
  /** Failed and cancelled, the latest end first. */
  readonly #failed: readonly UploadRow[];
  readonly #completed: number;

  /** @param rows sorted by `sortByActivity`. @param counts how many uploads of the two long lists there are */
  constructor(
    lists: LongLists,
    rows: readonly UploadRow[],
    counts: { readonly prioritized: number; readonly completed: number },
  ) {
    this.#lists = lists;
    this.#before = rows.filter(isBeforeQueued);
    this.#queued = counts.prioritized;
    this.#delayed = rows.filter((row) => !isBeforeQueued(row) && !isTerminal(row.state));
    this.#failed = rows.filter(({ state }) => isTerminal(state));
    this.#completed = counts.completed;
  }

  /** The uploads at the positions from `from` to before `to`. */
  async read(from: number, to: number): Promise<UploadRow[]> {
    const sections: readonly [length: number, read: (from: number, to: number) => Promise<UploadRow[]>][] = [
      [this.#before.length, async (first, end) => this.#before.slice(first, end)],
      [this.#queued, async (first, end) => (await this.#lists.queued(first, end)).map((id) => queuedRow(id))],
      [this.#delayed.length, async (first, end) => this.#delayed.slice(first, end)],
      [this.#failed.length + this.#completed, async (first, end) => await this.#readEnded(first, end)],
    ];
    const rows: UploadRow[] = [];
    let start = 0;
    for (const [length, read] of sections) {
      const [first, end] = [Math.max(0, from - start), Math.min(length, to - start)];
      if (end > first) rows.push(...(await read(first, end)));
      start += length;
    }
    return rows;
  }

  /** All uploads that may match a text, in this order, in batches. */
  async *search(text: string): AsyncGenerator<readonly UploadRow[], void, undefined> {
    yield this.#before;
    if (this.#queued > 0) {
      for await (const jobs of this.#lists.search('prioritized', text))
        yield jobs.map(({ id, createdMs }) => queuedRow(id, createdMs));
    }
    yield this.#delayed;
    let failed = this.#failed;
    if (this.#completed > 0) {
      for await (const jobs of this.#lists.search('completed', text)) {
        const completed = jobs.map(({ id, endedMs, createdMs }) => completedRow(id, endedMs, createdMs));
        const lastMs = completed.at(-1)?.atMs ?? Number.POSITIVE_INFINITY;
        const isLater = ({ atMs }: UploadRow): boolean => atMs >= lastMs;
        yield latestFirst([...failed.filter(isLater), ...completed]);
        failed = failed.filter((row) => !isLater(row));
      }
    }
    yield failed;
  }

  async #readEnded(from: number, to: number): Promise<UploadRow[]> {
    // Completed uploads before this one are before `from`, wherever the failed ones are between them.
    const first = Math.max(0, from - this.#failed.length);
    const completed = this.#completed === 0 ? [] : await this.#lists.completed(first, to);
    const rows = completed.map(([id, endedMs]) => completedRow(id, endedMs));
    return latestFirst([...this.#failed, ...rows]).slice(from - first, to - first);
  }
}

function latestFirst(rows: readonly UploadRow[]): UploadRow[] {
  return rows.toSorted((a, b) => b.atMs - a.atMs);
}
