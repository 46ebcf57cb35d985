import { createHash } from 'node:crypto';
import { MAX_KEY_LENGTH, type MediaBackend } from '../src/backend/media.ts';
import { UploaderError } from '../src/base/errors.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { TranscodeData, TranscodeValue } from '../src/queue/jobs/transcode.ts';
import { QuotaHoldError } from '../src/queue/postpone-errors.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';
import type { VodCall } from './vod-call.ts';

/**
 * Has VOD transcode a video. It is called again only after a refusal or a lost reply. Before each call the job stores that
 * it has asked, because after a lost reply VOD refuses what it is doing already.
 */
export function transcodeProcessor(deps: {
  readonly media: MediaBackend;
  readonly call: VodCall;
}): (data: TranscodeData, attempt: JobContext) => Promise<TranscodeValue> {
  const { media, call } = deps;
  return async (data, attempt) => {
    const { asked = false } = data;
    const problem = media.transcodeProblem(data);
    if (problem !== undefined) throw new UploaderError('UNSUPPORTED_OPTION', problem);
    const request = { ...data, key: keyOf(attempt), repeated: asked };
    const at = Date.now();
    if (!asked) await attempt.save({ ...data, asked: true });
    try {
      return { ...(await call.run(() => media.transcode(request, attempt.signal))), at };
    } catch (error) {
      if (isRefusal(error) && !asked) await attempt.save(data);
      throw error;
    }
  };
}

/** The same for every try of a job. Another job can have the id later: that of the same upload, when it is added again. */
function keyOf({ jobId, createdAtMs }: JobContext): string {
  return createHash('sha256').update(`${jobId} ${createdAtMs}`).digest('hex').slice(0, MAX_KEY_LENGTH);
}

/** Whether VOD has certainly not started transcoding. */
function isRefusal(error: unknown): boolean {
  return error instanceof QuotaHoldError || (error instanceof VodError && !error.outcomeUnknown);
}
