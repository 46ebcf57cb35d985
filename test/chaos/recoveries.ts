import { QUOTA_HOLD_MS } from '../../src/vod/wire/service-codes.ts';

/** Of one kind of trouble. */
export interface TroubleCount {
  readonly times: number;
  /** From the trouble's end to the next part or upload, the longest of them; absent when nothing waited for one. */
  readonly longestRecoveryMs?: number;
}

const LOOK_EVERY_MS = 20;

/** How far work has come. */
export interface WorkDone {
  /** Parts and uploads; any rise shows that work goes on. */
  readonly done: number;
  /** Replies that made every worker hold an action for a while. */
  readonly quotaRefusals: number;
}

/**
 * Measures how long it takes from a trouble until work goes on. Troubles overlap, so what one holds up can count for
 * another as well; but the hold after a quota refusal is by intent and counts for none.
 */
export class Recoveries {
  readonly #look: () => WorkDone;
  #open: { readonly name: string; readonly atMs: number; readonly done: number }[] = [];
  readonly #counts = new Map<string, { times: number; longestMs: number | undefined }>();
  readonly #timer: NodeJS.Timeout;
  #quotaRefusals = 0;
  #heldUntilMs = 0;

  constructor(look: () => WorkDone) {
    this.#look = look;
    this.#timer = setInterval(() => this.#update(), LOOK_EVERY_MS);
  }

  /** A trouble is over, or has struck if it takes no time. */
  begin(name: string): void {
    const count = this.#counts.get(name) ?? { times: 0, longestMs: undefined };
    count.times++;
    this.#counts.set(name, count);
    this.#open.push({ name, atMs: performance.now(), done: this.#look().done });
  }

  get troubles(): Record<string, TroubleCount> {
    return Object.fromEntries(
      [...this.#counts].map(([name, { times, longestMs }]) => [
        name,
        { times, ...(longestMs !== undefined && { longestRecoveryMs: longestMs }) },
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
    const { done, quotaRefusals } = this.#look();
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
