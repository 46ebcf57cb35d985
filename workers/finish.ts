import type { JobContext } from '../src/queue/consumer.ts';
import { failureOf, formatFailure } from '../src/queue/failure.ts';
import type { FinishData, FinishValue } from '../src/queue/jobs/finish.ts';
import { storedUrl } from '../src/queue/jobs/video-url.ts';
import type { VodClient } from '../src/vod/client.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';
import type { VodCall } from './vod-call.ts';

/**
 * FinishUpload. When its reply is lost, or VOD refuses permanently (for missing parts, for example), the call is not
 * repeated: the upload calls InitUpload to find out the state of the file.
 */
export function finishProcessor(deps: {
  readonly vod: VodClient;
  readonly call: VodCall;
}): (data: FinishData, attempt: JobContext) => Promise<FinishValue> {
  return async ({ fileSha }, { signal }) => {
    try {
      const { fileId, url } = await deps.call.run(() => deps.vod.finishUpload(fileSha, signal));
      return { kind: 'finished', fileId, url: storedUrl(url) };
    } catch (error) {
      if (signal.aborted || !(error instanceof VodError)) throw error;
      const reason = formatFailure(failureOf(error));
      if (error.outcomeUnknown) return { kind: 'unknown', reason };
      if (error.kind === 'permanent') return { kind: 'refused', reason };
      throw error;
    }
  };
}
