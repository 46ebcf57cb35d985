import { connectedWorkerNames } from '../queue/connected-workers.ts';
import type { ReadingStage } from '../queue/names.ts';
import type { PauseControl } from '../queue/pause-control.ts';
import type { Queues } from '../queue/queues.ts';
import type { Refusal } from './source-refusals.ts';

/**
 * A worker that could not see the sources of this many jobs, and of none in between, is paused for a short time if other
 * workers may see them. So it does not spin, and leaves them the starts of parts, which count against the account's
 * quota.
 */
const UNSEEN_IN_A_ROW = 8;
const PAUSE_MS = { hash: 100, init: 100, part: 500 } as const;

/** The list of connected workers is read at most this often. */
const WORKERS_READ_MS = 5000;

/** Pauses a worker that reads files while it sees none of them. */
export class ReaderPause {
  readonly #queues: Queues;
  readonly #stage: ReadingStage;
  readonly #workerName: string;
  readonly #unseenJobs = new Set<string>();
  #control: PauseControl | undefined;
  #timer: NodeJS.Timeout | undefined;
  #workers: { readonly readAt: number; readonly names: (string | undefined)[] | undefined } | undefined;

  constructor(queues: Queues, stage: ReadingStage, workerName: string) {
    this.#queues = queues;
    this.#stage = stage;
    this.#workerName = workerName;
  }

  attach(control: PauseControl): void {
    this.#control = control;
  }

  seen(): void {
    this.#unseenJobs.clear();
    clearTimeout(this.#timer);
    this.#control?.resume(this);
  }

  /** @param refusals of the job's source, by name of the worker */
  async unseen(jobId: string, refusals: ReadonlyMap<string, Refusal>): Promise<void> {
    if (this.#unseenJobs.size < UNSEEN_IN_A_ROW) this.#unseenJobs.add(jobId);
    if (this.#unseenJobs.size < UNSEEN_IN_A_ROW) return;
    // If no worker sees the file, this worker is not the problem, and a pause would only delay other files.
    if (!(await this.#mayOthersSee(refusals))) return this.seen();
    this.#control?.pause(this);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#control?.resume(this), PAUSE_MS[this.#stage]).unref();
  }

  /** Whether there may be other workers without a refusal. */
  async #mayOthersSee(refusals: ReadonlyMap<string, Refusal>): Promise<boolean> {
    const now = performance.now();
    if (this.#workers === undefined || now - this.#workers.readAt > WORKERS_READ_MS) {
      this.#workers = { readAt: now, names: await connectedWorkerNames(this.#queues[this.#stage]) };
    }
    const { names } = this.#workers;
    return names?.some((name) => name !== this.#workerName && !refusals.has(name ?? '')) ?? true;
  }
}
