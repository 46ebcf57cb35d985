import type { Queue } from 'bullmq';
import type { ReceivedEvent } from '../events/vod-event-log.ts';
import type { TranscodeValue } from '../queue/jobs/transcode.ts';
import { wakeUpload } from '../queue/wake-upload.ts';
import type { RedisClient } from '../redis/client.ts';
import { isRedisError } from '../redis/errors.ts';

/** How a transcoding ended, as TranscodeComplete tells it. */
export interface TranscodeEnd {
  /** 0 = done; anything else is the service's error. */
  readonly status: number;
  readonly message: string;
}

/**
 * How the transcodings of an upload ended. One that ended well counts whichever attempt began it: its event may have
 * come too late for that attempt.
 *
 * @param events the upload's own, oldest first
 * @param begun by this attempt and those before it, the latest last
 * @returns undefined while the latest has not ended, and none before it did so well
 */
export function transcodeEnd(
  events: readonly ReceivedEvent[],
  begun: readonly TranscodeValue[],
): TranscodeEnd | undefined {
  const endsOf = (one: TranscodeValue): TranscodeEnd[] =>
    events.flatMap(({ at, event }) => {
      if (event.type !== 'TranscodeComplete') return [];
      const { vodTaskId, status, message = '' } = event.data;
      const known = one.vodTaskId !== undefined && vodTaskId !== undefined;
      // Nobody transcodes a file twice at the same time, so without ids the next that ends is the one.
      const isIts = known ? vodTaskId === one.vodTaskId : at.getTime() >= one.at;
      return isIts ? [{ status, message }] : [];
    });
  const all = begun.map(endsOf);
  return all.flat().find(({ status }) => status === 0) ?? all.at(-1)?.[0];
}

/**
 * A TranscodeComplete has been written down for an upload: has it looked at, if it waits for that. One that is being
 * looked at just now looks again by itself.
 * @throws what Redis throws; to be done again then
 */
export async function wakeAfterTranscoding(
  uploads: Queue,
  redis: RedisClient,
  uploadId: string,
): Promise<void> {
  const job = await uploads.getJob(uploadId);
  if (job === undefined) return;
  try {
    await wakeUpload(uploads, redis, job);
  } catch (error) {
    // One that has gone on by itself meanwhile can't be promoted, and needn't be.
    if (isRedisError(error)) throw error;
  }
}
