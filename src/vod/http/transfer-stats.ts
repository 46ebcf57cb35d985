/** The slowest of this many recent bodies counts. */
const RECENT_BODIES = 32;

/** Smaller bodies, those of small files, say nothing about how long a part takes. */
const MIN_BODY_BYTES = 256 * 1024;

/** The connection is fast if all recent bodies took less; a large piece then takes about a second at most. */
const FAST_MS = 4000;

/** Statistics that all requests of one client share. Times are passed in. */
export class TransferStats {
  readonly #bodiesMs: number[] = [];
  #progressAt = Number.NEGATIVE_INFINITY;

  /** The service answered, or took more bytes than the buffers on the way hold. */
  progressed(nowMs: number): void {
    this.#progressAt = nowMs;
  }

  /** @param ms from the connection until the body was answered or given up */
  addBody(ms: number, bytes: number): void {
    if (bytes < MIN_BODY_BYTES) return;
    this.#bodiesMs.push(ms);
    if (this.#bodiesMs.length > RECENT_BODIES) this.#bodiesMs.shift();
  }

  /** The time of the slowest recent body; undefined if there was none. */
  get slowestMs(): number | undefined {
    return this.#bodiesMs.length === 0 ? undefined : Math.max(...this.#bodiesMs);
  }

  get isFast(): boolean {
    return this.slowestMs !== undefined && this.slowestMs < FAST_MS;
  }

  /** Whether any request made progress after this time. */
  progressedSince(sinceMs: number): boolean {
    return this.#progressAt > sinceMs;
  }
}
