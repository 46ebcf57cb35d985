import type { Queue } from 'bullmq';
import type { Logger } from '../process/log.ts';
import { KEPT_JOBS } from './jobs/options.ts';
import type { Stage } from './names.ts';
import type { Queues } from './queues.ts';

/** How often what is too old is looked for. */
const SWEEP_MS = 600_000;
/** Removed by one command. */
const BULK = 1000;

/** How long jobs that have ended stay, in seconds; absent = not at all. */
interface KeptSeconds {
  readonly completed?: number;
  readonly failed?: number;
}

/**
 * Removes jobs that have ended and are too old, at once and then every ten minutes. BullMQ looks at ages only when another
 * job of the same queue ends, so on a quiet queue they would stay.
 */
export class Retention {
  readonly #queues: Queues;
  readonly #kept: Readonly<Partial<Record<Stage, KeptSeconds>>>;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #sweeping = false;

  constructor(options: {
    readonly queues: Queues;
    /** Of uploads, in seconds. */
    readonly keep: { readonly completedSeconds: number; readonly failedSeconds: number };
    readonly log: Logger;
    /** In ms; default ten minutes. */
    readonly everyMs?: number;
  }) {
    const { queues, keep, log, everyMs = SWEEP_MS } = options;
    const { completedSeconds: completed, failedSeconds: failed } = keep;
    const children = { failed: KEPT_JOBS.age };
    this.#queues = queues;
    this.#kept = {
      ...{ upload: { completed, failed }, events: { completed, failed } },
      ...{ hash: children, init: children, part: children, finish: children },
      transcode: { completed: KEPT_JOBS.age, failed: KEPT_JOBS.age },
      webhook: { completed: KEPT_JOBS.age, failed },
    };
    this.#log = log;
    this.#timer = setInterval(() => void this.#sweep(), everyMs).unref();
    void this.#sweep();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Never rejects. */
  async #sweep(): Promise<void> {
    // While Redis is away one waits for it: no need for more.
    if (this.#sweeping) return;
    this.#sweeping = true;
    for (const [stage, kept] of Object.entries(this.#kept) as [Stage, KeptSeconds][]) {
      for (const [state, seconds] of Object.entries(kept) as ['completed' | 'failed', number][]) {
        try {
          const removed = await removeOlder(this.#queues[stage], state, seconds * 1000);
          if (removed > 0) this.#log.info({ stage, state, removed }, 'jobs were too old, and are removed');
        } catch (error) {
          // The next sweep does it.
          this.#log.debug({ stage, err: (error as Error).message }, 'old jobs could not be removed');
        }
      }
    }
    this.#sweeping = false;
  }
}

async function removeOlder(queue: Queue, state: 'completed' | 'failed', ageMs: number): Promise<number> {
  for (let removed = 0; ; ) {
    const { length } = await queue.clean(ageMs, BULK, state);
    removed += length;
    if (length < BULK) return removed;
  }
}
