import { defined } from '../../src/base/defined.ts';
import { QUOTA_HOLD_MS } from '../../src/vod/wire/service-codes.ts';

/** Results of one kind of trouble. */
export interface TroubleCount {
  readonly times: number;
  /** Longest time from the end of a trouble to the next part or upload; absent when nothing followed. */
  readonly longestRecoveryMs?: number;
}

const POLL_MS = 20;

export interface WorkDone {
  /** Number of parts and uploads; an increase shows that the workers continue. */
  readonly done: number;
  /** Number of quota errors; each holds an action in all workers. */
  readonly quotaRefusals: number;
}

/**
 * Measures the time from a trouble until the workers continue. Troubles overlap, so a delay can count for several of
 * them. The intended hold after a quota error is not counted.
 */
export class Recoveries {
  readonly #measure: () => WorkDone;
  #open: { readonly name: string; readonly atMs: number; readonly done: number }[] = [];
  readonly #counts = new Map<string, { times: number; longestMs: number | undefined }>();
  readonly #timer: NodeJS.Timeout;
  #quotaRefusals = 0;
  #heldUntilMs = 0;

  constructor(measure: () => WorkDone) {
    this.#measure = measure;
    this.#timer = setInterval(() => this.#update(), POLL_MS);
  }

  /** Starts measuring at the end of a trouble. */
  begin(name: string): void {
    const count = this.#counts.get(name) ?? { times: 0, longestMs: undefined };
    count.times++;
    this.#counts.set(name, count);
    this.#open.push({ name, atMs: performance.now(), done: this.#measure().done });
  }

  get troubles(): Record<string, TroubleCount> {
    return Object.fromEntries(
      [...this.#counts].map(([name, { times, longestMs }]) => [
        name,
        defined({ times, longestRecoveryMs: longestMs }),
      ]),
    );
  }

  get longestMs(): number {
    return Math.max(0, ...[...this.#counts.values()].map(({ longestMs }) => longestMs ?? 0));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #update(): void {
    const { done, quotaRefusals } = this.#measure();
    const now = performance.now();
    if (quotaRefusals > this.#quotaRefusals) this.#heldUntilMs = now + QUOTA_HOLD_MS;
    this.#quotaRefusals = quotaRefusals;
    for (const { name, atMs, done: before } of this.#open) {
      const count = this.#counts.get(name);
      if (done <= before || count === undefined) continue;
      const sinceMs = Math.min(now, Math.max(atMs, this.#heldUntilMs));
      count.longestMs = Math.max(count.longestMs ?? 0, Math.round(now - sinceMs));
    }
    this.#open = this.#open.filter(({ done: before }) => done <= before);
  }
}
