import type { UploadBackend } from '../src/backend/backend.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import { failureOf, formatFailure } from '../src/queue/failure.ts';
import type { FinishData, FinishValue } from '../src/queue/jobs/finish.ts';
import { storedUrl } from '../src/queue/jobs/video-url.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';
import type { VodCall } from './vod-call.ts';

/** Makes a video of the parts. If only the state of the file can tell what to do next, the upload asks for it. */
export function finishProcessor(deps: {
  readonly backend: UploadBackend;
  readonly call: VodCall;
}): (data: FinishData, attempt: JobContext) => Promise<FinishValue> {
  return async ({ uploadId, fileSha }, { signal }) => {
    try {
      const { fileId, url } = await deps.call.run(() => deps.backend.finish({ uploadId, fileSha }, signal));
      return { kind: 'finished', fileId, url: storedUrl(url) };
    } catch (error) {
      if (signal.aborted || !(error instanceof VodError)) throw error;
      const kind = deps.backend.failedFinish(error);
      if (kind === undefined) throw error;
      return { kind, reason: formatFailure(failureOf(error)) };
    }
  };
}
