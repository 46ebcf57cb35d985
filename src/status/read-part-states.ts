import { CANCELLED, parseFailure } from '../queue/failure.ts';
import { parseInitValue } from '../queue/jobs/init.ts';
import { parsePartValue } from '../queue/jobs/part.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import type { UploadResult } from '../queue/jobs/upload-result.ts';
import { childId, partIndexReader } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { MAX_PARTS, partCount, tooManyParts } from '../upload/plan.ts';
import { type PartState, partStates } from './part-states.ts';
import type { UploadStatus } from './status.ts';

/**
 * The state of each part of an upload in its current run; undefined until InitUpload has returned which parts VOD has.
 * A completed upload with many parts keeps only the numbers of skipped and sent parts, so skipped parts come first.
 */
export async function readPartStates(
  queues: Queues,
  redis: RedisClient,
  { data, status }: { readonly data: UploadData; readonly status: UploadStatus },
): Promise<PartState[] | undefined> {
  const { id, attempt } = status;
  const run = data.run?.attempt === attempt ? data.run : { attempt, round: 0 };
  const jobs = await readPartJobs(queues, redis, id);
  const initValue = parseJsonOr<unknown>(
    undefined,
    jobs.processed[queues.init.toKey(childId(id, run, 'init'))],
  );
  const init = initValue === undefined ? undefined : parseInitValue(initValue);
  // While an upload waits for its transcoding, its result is in the data.
  if (init?.kind !== 'send' || data.hashed === undefined) return fromResult(status.result ?? data.result);
  const { size } = data.hashed.version;
  if (tooManyParts(size, init.partSize) !== undefined) return undefined;
  const indexOf = partIndexReader(id, run);
  const indices = (idsOrKeys: readonly string[]): number[] =>
    idsOrKeys.flatMap((text) => indexOf(text) ?? []);
  const { processed, failed } = jobs;
  return partStates({
    count: partCount(size, init.partSize),
    missing: init.missing,
    recorded: init.sent ?? [],
    sent: indices(Object.keys(processed).filter((key) => isSent(processed[key]))),
    sending: indices(jobs.active),
    retrying: indices(jobs.delayed),
    failed: indices(
      Object.keys(failed).filter((key) => parseFailure(failed[key] ?? '').code !== CANCELLED.code),
    ),
  });
}

/** @param json result of a part job */
function isSent(json: string | undefined): boolean {
  return parsePartValue(parseJsonOr<unknown>(undefined, json)).outcome === 'sent';
}

interface PartJobs {
  /** Return values of the upload's completed children, by job key. */
  readonly processed: Readonly<Record<string, string>>;
  /** Reasons of its failed children, by job key. */
  readonly failed: Readonly<Record<string, string>>;
  /** Ids of the active and delayed part jobs of all uploads. */
  readonly active: readonly string[];
  readonly delayed: readonly string[];
}

async function readPartJobs(queues: Queues, redis: RedisClient, uploadId: string): Promise<PartJobs> {
  const job = queues.upload.toKey(uploadId);
  const replies = await redis
    .pipeline()
    .hgetall(`${job}:processed`)
    .hgetall(`${job}:failed`)
    .lrange(queues.part.toKey('active'), 0, -1)
    .zrange(queues.part.toKey('delayed'), '0', '-1')
    .exec();
  const [processed, failed, active, delayed] = (replies ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  }) as [Record<string, string>, Record<string, string>, string[], string[]];
  return { processed, failed, active, delayed };
}

function fromResult(result: UploadResult | UploadData['result']): PartState[] | undefined {
  if (result === undefined || result.partsSkipped + result.partsSent > MAX_PARTS) return undefined;
  return [
    ...Array<PartState>(result.partsSkipped).fill('skipped'),
    ...Array<PartState>(result.partsSent).fill('sent'),
  ];
}
