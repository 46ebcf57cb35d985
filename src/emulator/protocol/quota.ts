/** Limits and peaks of requests per sliding window, for each action. */
import type { V2Action } from '../../vod/wire/protocol.ts';
import { ACTIONS } from './actions.ts';
import { Refusal } from './reply.ts';

/** Requests per window; 0 or undefined: no limit. */
export interface QuotaLimits {
  readonly init?: number | undefined;
  readonly part?: number | undefined;
  readonly finish?: number | undefined;
  readonly convert?: number | undefined;
  readonly pull?: number | undefined;
  readonly confirm?: number | undefined;
}

const LIMIT_NAMES = {
  InitUpload: 'init',
  UploadPart: 'part',
  FinishUpload: 'finish',
  ConvertVodFile: 'convert',
  PullEvent: 'pull',
  ConfirmEvent: 'confirm',
} as const satisfies Record<V2Action, keyof QuotaLimits>;

/** Times within the last `windowMs`. A moving head index avoids shifting the array. */
class SlidingWindow {
  readonly #windowMs: number;
  #times: number[] = [];
  #head = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** A time exactly one window ago no longer counts. */
  countAt(nowMs: number): number {
    const { length } = this.#times;
    while (this.#head < length && (this.#times[this.#head] ?? 0) <= nowMs - this.#windowMs) this.#head += 1;
    if (this.#head > 4096 && this.#head > length / 2) {
      this.#times = this.#times.slice(this.#head);
      this.#head = 0;
    }
    return this.#times.length - this.#head;
  }

  add(nowMs: number): void {
    this.#times.push(nowMs);
  }
}

export class Quota {
  readonly #clock: () => number;
  readonly #arrived: Record<V2Action, SlidingWindow>;
  readonly #admitted: Record<V2Action, SlidingWindow>;
  #limits: QuotaLimits;
  #peaks: Record<V2Action, number> = noCounts();
  #refusals: Record<V2Action, number> = noCounts();

  /** @param clock in ms */
  constructor(limits: QuotaLimits, windowMs: number, clock: () => number) {
    const windows = () => forEachAction(() => new SlidingWindow(windowMs));
    this.#limits = limits;
    this.#clock = clock;
    this.#arrived = windows();
    this.#admitted = windows();
  }

  setLimits(limits: QuotaLimits): void {
    this.#limits = limits;
  }

  /** Counts a request for the peaks, even if it is refused later. */
  arrive(action: V2Action): void {
    const now = this.#clock();
    this.#arrived[action].add(now);
    this.#peaks[action] = Math.max(this.#peaks[action], this.#arrived[action].countAt(now));
  }

  /** @throws {Refusal} 4400 when the limit is reached; a refused request does not count towards it. */
  admit(action: V2Action): void {
    const limit = this.#limits[LIMIT_NAMES[action]] ?? 0;
    if (limit <= 0) return;
    const now = this.#clock();
    if (this.#admitted[action].countAt(now) >= limit) {
      this.#refusals[action] += 1;
      throw new Refusal(4400, `quota of ${limit} ${action} requests is used up`);
    }
    this.#admitted[action].add(now);
  }

  /** Highest number of requests in any window, by action, refused ones included. */
  get peaks(): Readonly<Record<V2Action, number>> {
    return { ...this.#peaks };
  }

  get refusals(): Readonly<Record<V2Action, number>> {
    return { ...this.#refusals };
  }

  resetCounts(): void {
    this.#peaks = noCounts();
    this.#refusals = noCounts();
  }
}

function noCounts(): Record<V2Action, number> {
  return forEachAction(() => 0);
}

function forEachAction<T>(make: () => T): Record<V2Action, T> {
  return Object.fromEntries(ACTIONS.map((action) => [action, make()])) as Record<V2Action, T>;
}
