import { QuotaHold } from '../src/queue/consumer.ts';
import { VodError } from '../src/vod/errors.ts';

/** Makes a call to VOD; a refusal for quota becomes a hold of the whole queue. */
export type VodCall = <T>(call: () => Promise<T>) => Promise<T>;

export const vodCall: VodCall = async (call) => {
  try {
    return await call();
  } catch (error) {
    if (error instanceof VodError && error.holdMs !== undefined) throw new QuotaHold(error.holdMs, error);
    throw error;
  }
};
