import type { Worker } from 'bullmq';

/**
 * What keeps a worker of this process from taking jobs, which it does while nothing keeps it. Those at work go on, and other
 * processes take the jobs meanwhile.
 */
export class Pauses {
  readonly #worker: Pick<Worker, 'pause' | 'resume' | 'closing'>;
  readonly #by = new Set<object>();

  constructor(worker: Pick<Worker, 'pause' | 'resume' | 'closing'>) {
    this.#worker = worker;
  }

  /** @param by who pauses it, and has to {@link end} that */
  begin(by: object): void {
    this.#by.add(by);
    void this.#worker.pause(true).catch(() => {});
  }

  end(by: object): void {
    if (!this.#by.delete(by) || this.#by.size > 0 || this.#worker.closing) return;
    void this.#worker.resume();
  }
}
