/** Of so many bodies that were sent last the slowest counts. */
const REMEMBERED = 32;

/** A smaller body, such as a small file, tells nothing of how long a part takes. */
const TELLING_BYTES = 256 * 1024;

/** A line that brings every body sooner is fast: a large piece then takes about a second at most. */
const FAST_MS = 4000;

/** What the requests of one client find out about the line that they share. Knows no clock. */
export class Line {
  readonly #bodiesMs: number[] = [];
  #movedAt = Number.NEGATIVE_INFINITY;

  /** The service answered, or took bytes that were more than what is only held on the way to it. */
  moved(nowMs: number): void {
    this.#movedAt = nowMs;
  }

  /** A body was answered, or given up, so long after its connection stood. */
  took(ms: number, bytes: number): void {
    if (bytes < TELLING_BYTES) return;
    this.#bodiesMs.push(ms);
    if (this.#bodiesMs.length > REMEMBERED) this.#bodiesMs.shift();
  }

  /** How long the slowest of the last bodies took; undefined: there was none yet. */
  get slowestMs(): number | undefined {
    return this.#bodiesMs.length === 0 ? undefined : Math.max(...this.#bodiesMs);
  }

  get isFast(): boolean {
    return this.slowestMs !== undefined && this.slowestMs < FAST_MS;
  }

  /** Whether it moved after that moment. */
  movedSince(sinceMs: number): boolean {
    return this.#movedAt > sinceMs;
  }
}
