import type { Queue } from 'bullmq';
import { wakeUpload } from '../queue/wake-upload.ts';
import type { RedisClient } from '../redis/client.ts';
import { isRedisError } from '../redis/errors.ts';

/**
 * Wakes an upload after the event that its transcoding has ended was stored. An upload that is active reads its events again before it
 * waits, so it need not be woken.
 *
 * @throws Redis errors; call it again then
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
    // If the upload has woken by itself in the meantime, BullMQ can't promote it.
    if (isRedisError(error)) throw error;
  }
}
