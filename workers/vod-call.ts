import { QuotaHoldError } from '../src/queue/postpone-errors.ts';
import type { Breaker } from '../src/quota/breaker.ts';
import { scaleHoldMs } from '../src/quota/limits.ts';
import { VodError, VodTransportError } from '../src/vod/wire/vod-error.ts';

/** Calls VOD and tells the breaker when VOD answered. @throws {QuotaHoldError} when the account's quota is used up */
export type VodCall = <T>(call: () => Promise<T>) => Promise<T>;

/** @param minuteMs length of the service's minute */
export function createVodCall(breaker: Breaker, minuteMs: number): VodCall {
  return async (call) => {
    try {
      const reply = await call();
      await breaker.recordAnswer();
      return reply;
    } catch (error) {
      if (!(error instanceof VodError)) throw error;
      if (!(error instanceof VodTransportError) && error.systemicCause === undefined)
        await breaker.recordAnswer();
      if (error.holdMs !== undefined) throw new QuotaHoldError(scaleHoldMs(error.holdMs, minuteMs), error);
      throw error;
    }
  };
}
