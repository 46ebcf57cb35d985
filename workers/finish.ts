import type { UploadBackend } from '../src/backend/backend.ts';
import { defined } from '../src/base/defined.ts';
import type { ContentIndex } from '../src/flow/content-index.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import { failureOf, formatFailure } from '../src/queue/failure.ts';
import type { FinishData, FinishValue } from '../src/queue/jobs/finish.ts';
import { storedUrl } from '../src/queue/jobs/video-url.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';
import { memoOf } from './memo.ts';
import type { VodCall } from './vod-call.ts';

/** Makes a video of the parts. If only the state of the file can tell what to do next, the upload asks for it. */
export function finishProcessor({
  backend,
  contents,
  call,
}: {
  readonly backend: UploadBackend;
  readonly contents: ContentIndex;
  readonly call: VodCall;
}): (data: FinishData, attempt: JobContext) => Promise<FinishValue> {
  return async (data, attempt) => {
    const { signal } = attempt;
    const { uploadId, fileSha, session, checksum } = data;
    const upload = { uploadId, ...defined({ fileSha, session }) };
    if (data.abandon) {
      await call.run(() => backend.abandon(upload, signal));
      return { kind: 'abandoned' };
    }
    try {
      const video = await call.run(() => backend.finish(upload, checksum, memoOf(data, attempt), signal));
      if (fileSha !== undefined && !backend.knowsContents) await contents.keep(fileSha, video);
      return { kind: 'finished', fileId: video.fileId, url: storedUrl(video.url) };
    } catch (error) {
      if (signal.aborted || !(error instanceof VodError)) throw error;
      const kind = error.kind === 'session' ? 'expired' : backend.failedFinish(error);
      if (kind === undefined) throw error;
      return { kind, reason: formatFailure(failureOf(error)) };
    }
  };
}
