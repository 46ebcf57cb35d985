import { CANCELLED, parseFailure } from '../queue/failure.ts';
import { parseInitValue } from '../queue/jobs/init.ts';
import { PART_SAME, PART_SKIPPED } from '../queue/jobs/part.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import { childId, type Run, runName } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { MAX_PARTS, partCount, tooManyParts } from '../upload/plan.ts';
import { type PartState, partStates } from './part-states.ts';
import type { UploadStatus } from './status.ts';

/**
 * What has become of each part of an upload, in its present run; undefined while InitUpload has not told what VOD has.
 * A finished upload of many parts has forgotten which of them VOD had: their numbers are what is left, those first.
 */
export async function readPartStates(
  queues: Queues,
  redis: RedisClient,
  { data, status }: { readonly data: UploadData; readonly status: UploadStatus },
): Promise<PartState[] | undefined> {
  const { id, attempt } = status;
  // One that waits for its transcoding has its result already.
  const result = status.result ?? data.result;
  const run = data.run?.attempt === attempt ? data.run : { attempt, round: 0 };
  const job = queues.upload.toKey(id);
  const replies = await redis
    .pipeline()
    .hgetall(`${job}:processed`)
    .hgetall(`${job}:failed`)
    .lrange(queues.part.toKey('active'), 0, -1)
    .zrange(queues.part.toKey('delayed'), '0', '-1')
    .exec();
  const [processed, failed, active, delayed] = (replies ?? []).map(([error, found]) => {
    if (error) throw error;
    return found;
  }) as [Record<string, string>, Record<string, string>, string[], string[]];
  const init = parseJsonOr<unknown>(undefined, processed[queues.init.toKey(childId(id, run, 'init'))]);
  const answer = init === undefined ? undefined : parseInitValue(init);
  if (answer?.kind === 'send' && data.hashed !== undefined) {
    const { size } = data.hashed.version;
    if (tooManyParts(size, answer.partSize) !== undefined) return undefined;
    const count = partCount(size, answer.partSize);
    const indices = indexReader(id, run);
    const unsent = [PART_SKIPPED, PART_SAME].map((value) => JSON.stringify(value));
    return partStates({
      count,
      missing: answer.missing,
      sent: indices(Object.keys(processed).filter((key) => !unsent.includes(processed[key] ?? ''))),
      sending: indices(active),
      retrying: indices(delayed),
      failed: indices(
        Object.keys(failed).filter((key) => parseFailure(failed[key] ?? '').code !== CANCELLED.code),
      ),
    });
  }
  if (result === undefined || result.partsSkipped + result.partsSent > MAX_PARTS) return undefined;
  return [
    ...Array<PartState>(result.partsSkipped).fill('skipped'),
    ...Array<PartState>(result.partsSent).fill('sent'),
  ];
}

/** Reads the parts' indices out of the ids or keys of a run's part jobs; whatever else is there is left out. */
function indexReader(uploadId: string, run: Run): (idsOrKeys: readonly string[]) => number[] {
  const prefix = `${uploadId}-${runName(run)}-p`;
  return (idsOrKeys) =>
    idsOrKeys.flatMap((text) => {
      const from = text.lastIndexOf(':') + 1;
      const index = text.startsWith(prefix, from) ? text.slice(from + prefix.length) : '';
      return /^\d{1,9}$/.test(index) ? [Number(index)] : [];
    });
}
