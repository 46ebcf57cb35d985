import type { Queue } from 'bullmq';
import { QuotaHoldError } from '../src/queue/postpone-errors.ts';
import type { Breaker } from '../src/quota/breaker.ts';
import { scaleHoldMs } from '../src/quota/limits.ts';
import type { RequestQuota } from '../src/quota/request-quota.ts';
import { VodError, VodTransportError } from '../src/vod/wire/vod-error.ts';

export interface VodCallOptions {
  /** The queue whose jobs make the calls. */
  readonly queue: Pick<Queue, 'rateLimit'>;
  readonly breaker: Pick<Breaker, 'recordAnswer'>;
  /** The account's quota of the action; absent = unlimited. */
  readonly quota: RequestQuota | undefined;
  /** Length of the service's minute. */
  readonly minuteMs: number;
}

/** Calls VOD for the jobs of one stage, within the account's quota, and tells the breaker when VOD answered. */
export class VodCall {
  readonly #options: VodCallOptions;

  constructor(options: VodCallOptions) {
    this.#options = options;
  }

  /** Costs no command. @throws {QuotaHoldError} when this process has just learned that the quota is used up */
  throwIfFull(): void {
    const { waitMs = 0 } = this.#options.quota ?? {};
    if (waitMs > 0) throw new QuotaHoldError(0);
  }

  /** @throws {QuotaHoldError} when the account's quota is used up; or what `call` throws */
  async run<T>(call: () => Promise<T>): Promise<T> {
    const { breaker, quota, minuteMs } = this.#options;
    await this.#takePermit();
    try {
      const reply = await call();
      await breaker.recordAnswer();
      return reply;
    } catch (error) {
      if (!(error instanceof VodError)) throw error;
      if (!(error instanceof VodTransportError) && error.systemicCause === undefined)
        await breaker.recordAnswer();
      if (error.holdMs === undefined) throw error;
      const holdMs = scaleHoldMs(error.holdMs, minuteMs);
      await quota?.block(holdMs);
      throw new QuotaHoldError(holdMs, error);
    }
  }

  async #takePermit(): Promise<void> {
    const { queue, quota } = this.#options;
    if (quota === undefined) return;
    this.throwIfFull();
    const { isGranted, waitMs } = await quota.take();
    if (!isGranted) throw new QuotaHoldError(waitMs);
    // With the last permit: held before other jobs start only to be refused. If this fails, the next job is refused.
    if (waitMs > 0) void queue.rateLimit(waitMs).catch(() => {});
  }
}
