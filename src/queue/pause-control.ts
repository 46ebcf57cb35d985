import type { Worker } from 'bullmq';

/**
 * Pauses a worker of this process while at least one owner wants it paused. Active jobs continue, and other processes take
 * the waiting jobs.
 */
export class PauseControl {
  readonly #worker: Pick<Worker, 'pause' | 'resume' | 'closing'>;
  readonly #owners = new Set<object>();

  constructor(worker: Pick<Worker, 'pause' | 'resume' | 'closing'>) {
    this.#worker = worker;
  }

  pause(owner: object): void {
    this.#owners.add(owner);
    void this.#worker.pause(true).catch(() => {});
  }

  /** Resumes the worker, unless another owner has paused it as well. */
  resume(owner: object): void {
    if (!this.#owners.delete(owner) || this.#owners.size > 0 || this.#worker.closing) return;
    void this.#worker.resume();
  }
}
