import { defined } from '../src/base/defined.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { TranscodeData, TranscodeValue } from '../src/queue/jobs/transcode.ts';
import { QuotaHoldError } from '../src/queue/postpone-errors.ts';
import type { VodApiClient } from '../src/vod/api-client.ts';
import { UNEXPECTED_FILE_STATUS } from '../src/vod/wire/service-codes.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';
import type { VodCall } from './vod-call.ts';

/**
 * ConvertVodFile. It is called again only after a refusal or a lost reply. Before each call the job stores that it has
 * asked, because after a lost reply VOD refuses a file that it is transcoding already.
 */
export function transcodeProcessor(deps: {
  readonly api: VodApiClient;
  readonly call: VodCall;
}): (data: TranscodeData, attempt: JobContext) => Promise<TranscodeValue> {
  return async (data, { signal, save }) => {
    const { fileId, screenshot, watermark, asked = false } = data;
    const request = defined({ fileId, screenshot, watermark });
    const at = Date.now();
    if (!asked) await save({ ...data, asked: true });
    try {
      return { ...(await deps.call.run(() => deps.api.convertFile(request, signal))), at };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (asked && isUnexpectedStatus(error)) return { at };
      if (!asked) await save(data);
      throw error;
    }
  };
}

/** Whether VOD has certainly not started transcoding. */
function isRefusal(error: unknown): boolean {
  return error instanceof QuotaHoldError || (error instanceof VodError && !error.outcomeUnknown);
}

/** A file that was stored just now may not be ready to be transcoded yet. */
export function isUnexpectedStatus(error: unknown): boolean {
  return error instanceof VodError && error.code === String(UNEXPECTED_FILE_STATUS);
}
