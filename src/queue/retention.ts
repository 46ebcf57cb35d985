import type { Queue } from 'bullmq';
import type { Logger } from '../process/log.ts';
import { KEPT_JOBS } from './jobs/options.ts';
import type { Stage } from './names.ts';
import type { Queues } from './queues.ts';

/** How often old jobs are removed. */
const SWEEP_INTERVAL_MS = 600_000;
/** Jobs removed by one command. */
const BATCH = 1000;

/** How long jobs are kept after they end, in seconds; absent = BullMQ removes them at once. */
interface KeptSeconds {
  readonly completed?: number;
  readonly failed?: number;
}

/**
 * Removes old jobs that have ended, at once and then every ten minutes. BullMQ checks ages only when another job of the same
 * queue ends, so on an idle queue they would stay.
 */
export class Retention {
  readonly #queues: Queues;
  readonly #kept: Readonly<Partial<Record<Stage, KeptSeconds>>>;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #sweeping = false;

  constructor(options: {
    readonly queues: Queues;
    /** How long uploads are kept, in seconds. */
    readonly keep: { readonly completedSeconds: number; readonly failedSeconds: number };
    readonly log: Logger;
    /** Default: ten minutes. */
    readonly intervalMs?: number;
  }) {
    const { queues, keep, log, intervalMs = SWEEP_INTERVAL_MS } = options;
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
    this.#timer = setInterval(() => void this.#sweep(), intervalMs).unref();
    void this.#sweep();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Never rejects. */
  async #sweep(): Promise<void> {
    // While Redis is unreachable, one sweep waits for it.
    if (this.#sweeping) return;
    this.#sweeping = true;
    for (const [stage, kept] of Object.entries(this.#kept) as [Stage, KeptSeconds][]) {
      for (const [state, seconds] of Object.entries(kept) as ['completed' | 'failed', number][]) {
        try {
          const removed = await removeOlder(this.#queues[stage], state, seconds * 1000);
          if (removed > 0) this.#log.info({ stage, state, removed }, 'old jobs removed');
        } catch (error) {
          // The next sweep tries again.
          this.#log.debug({ stage, err: (error as Error).message }, 'old jobs could not be removed');
        }
      }
    }
    this.#sweeping = false;
  }
}

async function removeOlder(queue: Queue, state: 'completed' | 'failed', ageMs: number): Promise<number> {
  for (let removed = 0; ; ) {
    const { length } = await queue.clean(ageMs, BATCH, state);
    removed += length;
    if (length < BATCH) return removed;
  }
}
