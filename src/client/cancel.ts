import { setTimeout as sleep } from 'node:timers/promises';
import { AbortFlags } from '../flow/abort-flags.ts';
import { countConnectedWorkers } from '../queue/connected-workers.ts';
import { wakeUpload } from '../queue/wake-upload.ts';
import { isTerminal } from '../status/status.ts';
import type { ProducerConnection } from './producer-connection.ts';
import type { UploadReader } from './upload-reader.ts';

/** How long {@link cancelUpload} waits for a worker to process the upload. */
const TIMEOUT_MS = 10_000;
const POLL_MS = 50;

/**
 * Marks an upload as cancelled, and waits until a worker has ended it.
 * @returns false when the upload completed or failed first; true also when no worker has ended it yet
 * @throws {UploaderError} `NOT_FOUND`
 */
export async function cancelUpload(
  connection: ProducerConnection,
  reader: UploadReader,
  id: string,
): Promise<boolean> {
  const { job, status } = await reader.find(id);
  if (isTerminal(status.state)) return status.state === 'cancelled';
  const { queues, redis, prefix } = connection;
  return await connection.run(async () => {
    await new AbortFlags(queues.upload, redis, prefix).cancel(id, job.attemptsMade + 1);
    const deadline = Date.now() + TIMEOUT_MS;
    let isWoken = await wakeUpload(queues.upload, redis, job);
    // Without workers there is nothing to wait for. If Redis does not give their number, there may be some.
    const mayHaveWorkers = (await countConnectedWorkers(queues.upload)) !== 0;
    while (Date.now() < deadline && (mayHaveWorkers || !isWoken)) {
      const { state } = await reader.status(id);
      if (isTerminal(state)) return state === 'cancelled';
      await sleep(POLL_MS);
      isWoken = (await wakeUpload(queues.upload, redis, job)) || isWoken;
    }
    return true;
  });
}
