import { setTimeout } from 'node:timers/promises';
import type { PermitBatch, QuotaLogReply } from './quota-log.ts';

/** The answer to a request for a permit. */
export interface Permit {
  readonly isGranted: boolean;
  /**
   * Milliseconds until the next permit is free; 0 = one may be free now. It can be above 0 with a granted permit, which
   * was the last one then.
   */
  readonly waitMs: number;
}

/** The log of permits that all replicas share; see `QuotaLog`. */
export interface SharedPermits {
  take(need: number, wanted: number): Promise<QuotaLogReply>;
  giveBack(batch: PermitBatch): Promise<void>;
  block(ms: number): Promise<void>;
}

export interface RequestQuotaOptions {
  readonly log: SharedPermits;
  /** How much longer than a minute a permit counts. A permit must be used within half of this. */
  readonly guardMs: number;
  /** Monotonic time in ms. */
  readonly now?: () => number;
}

/** A batch holds about as many permits as this process has used in this time. */
const BATCH_MS = 250;

/** For how long a process refuses permits without asking again: others may give permits back. */
const FULL_IS_CERTAIN_MS = 1000;

interface Waiter {
  readonly resolve: (permit: Permit) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The permits of one process for one action. It takes them from the shared log in batches, of the size that it is
 * using them up, and gives back what it does not use in time.
 */
export class RequestQuota {
  readonly #log: SharedPermits;
  readonly #useWithinMs: number;
  readonly #now: () => number;
  #batch: PermitBatch = { count: 0, bucket: '' };
  #usableUntil = 0;
  /** When the quota will be free again, and until when that is certain. */
  #fullUntil = 0;
  #askAgainAt = 0;
  #isTaking = false;
  readonly #waiters: Waiter[] = [];
  #unusedTimer: NodeJS.Timeout | undefined;
  /** Permits used since, and the time of, the last take; the size of its batch. */
  #used = 0;
  #takenAt = 0;
  #taken = 0;

  constructor({ log, guardMs, now = () => performance.now() }: RequestQuotaOptions) {
    this.#log = log;
    this.#useWithinMs = guardMs / 2;
    this.#now = now;
  }

  /** Milliseconds for which no request can start, as far as this process knows; 0 = ask {@link take}. */
  get waitMs(): number {
    const now = this.#now();
    if (this.#batch.count > 0 || now >= this.#askAgainAt) return 0;
    return Math.max(0, Math.ceil(this.#fullUntil - now));
  }

  /** Takes a permit for one request, to be sent at once. @throws the error of Redis */
  async take(): Promise<Permit> {
    if (this.#batch.count > 0 && this.#now() <= this.#usableUntil) {
      this.#batch = { ...this.#batch, count: this.#batch.count - 1 };
      return this.#granted();
    }
    const { waitMs } = this;
    if (waitMs > 0) return { isGranted: false, waitMs };
    const { promise, resolve, reject } = Promise.withResolvers<Permit>();
    this.#waiters.push({ resolve, reject });
    if (!this.#isTaking) void this.#takeForWaiters();
    return await promise;
  }

  /** Takes a permit as soon as one is free. @throws the signal's reason, or the error of Redis */
  async acquire(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const { isGranted, waitMs } = await this.take();
      if (isGranted) return;
      await setTimeout(waitMs, undefined, { signal });
    }
  }

  /** The service refused a request for quota: no process gets a permit for this time. */
  async block(ms: number): Promise<void> {
    this.#full(ms);
    await Promise.all([this.#log.block(ms), this.#giveBackUnused()]);
  }

  /** Gives back the unused permits. Call it when no more requests are made. */
  async close(): Promise<void> {
    await this.#giveBackUnused();
  }

  async #takeForWaiters(): Promise<void> {
    this.#isTaking = true;
    try {
      while (this.#waiters.length > 0) await this.#takeBatch();
    } catch (error) {
      for (const { reject } of this.#waiters.splice(0)) reject(error);
    } finally {
      this.#isTaking = false;
    }
  }

  async #takeBatch(): Promise<void> {
    // Its permits are too old now.
    void this.#giveBackUnused().catch(() => {});
    const need = this.#waiters.length;
    // Before the request: the permits are given later than this.
    const takenAt = this.#now();
    const { count, bucket, waitMs } = await this.#log.take(need, need + this.#prefetch(takenAt));
    this.#takenAt = takenAt;
    this.#usableUntil = takenAt + this.#useWithinMs;
    this.#taken = count;
    this.#used = 0;
    if (waitMs > 0) this.#full(waitMs);
    const served = this.#waiters.splice(0, need);
    const granted = served.slice(0, count);
    this.#batch = { bucket, count: count - granted.length };
    if (this.#batch.count > 0) this.#giveBackLater();
    for (const { resolve } of granted) resolve(this.#granted());
    for (const { resolve } of served.slice(count)) resolve({ isGranted: false, waitMs });
  }

  #full(waitMs: number): void {
    const now = this.#now();
    this.#fullUntil = now + waitMs;
    this.#askAgainAt = now + FULL_IS_CERTAIN_MS;
  }

  /** How many permits are likely to be used soon, besides those needed now: at most twice the last batch. */
  #prefetch(now: number): number {
    const elapsedMs = Math.max(1, now - this.#takenAt);
    return Math.min(2 * this.#taken, Math.floor((this.#used * BATCH_MS) / elapsedMs));
  }

  #granted(): Permit {
    this.#used++;
    return { isGranted: true, waitMs: this.waitMs };
  }

  #giveBackLater(): void {
    clearTimeout(this.#unusedTimer);
    const giveBack = async (): Promise<void> => {
      await this.#giveBackUnused();
      this.#askAgainAt = 0;
    };
    this.#unusedTimer = globalThis
      .setTimeout(() => void giveBack().catch(() => {}), this.#useWithinMs)
      .unref();
  }

  async #giveBackUnused(): Promise<void> {
    clearTimeout(this.#unusedTimer);
    const unused = this.#batch;
    this.#batch = { ...unused, count: 0 };
    if (unused.count > 0) await this.#log.giveBack(unused);
  }
}
