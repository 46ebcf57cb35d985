import type { Job } from 'bullmq';
import { type HistoryEntry, readHistory } from '../flow/history.ts';
import { NewerJobError } from '../queue/jobs/schema.ts';
import { parseUploadData, type UploadData } from '../queue/jobs/upload.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/client.ts';
import type { PartState } from './part-states.ts';
import { readPartStates } from './read-part-states.ts';
import { isTerminal, type UploadStatus } from './status.ts';

/** Everything that is known of one upload. */
export interface UploadDetails {
  readonly status: UploadStatus;
  /** Absent when a newer version has written it. */
  readonly data?: UploadData;
  /** Somebody has cancelled it, and no worker has looked at it since. */
  readonly cancelling: boolean;
  /** When it is to be looked at next, where that is a matter of time. */
  readonly dueAt?: Date;
  /** Oldest first. */
  readonly history: readonly HistoryEntry[];
  /** What has become of each part; absent while that isn't known. */
  readonly parts?: readonly PartState[];
}

export async function readDetails(
  queues: Queues,
  redis: RedisClient,
  job: Job,
  status: UploadStatus,
): Promise<UploadDetails> {
  const data = readableData(job);
  const { id, attempt, state } = status;
  const [history, parts, cancelled, due] = await Promise.all([
    readHistory(queues.upload, id),
    data && readPartStates(queues, redis, { data, status }),
    redis.hget(queues.upload.toKey(id), 'cancel'),
    redis.zscore(queues.upload.toKey('delayed'), id),
  ]);
  return {
    status,
    ...(data !== undefined && { data }),
    cancelling: cancelled === String(attempt) && !isTerminal(state),
    history,
    ...(parts !== undefined && { parts }),
    // BullMQ keeps the time with twelve bits of order after it.
    ...(due !== null && { dueAt: new Date(Math.floor(Number(due) / 4096)) }),
  };
}

function readableData(job: Job): UploadData | undefined {
  try {
    return parseUploadData(job.data);
  } catch (error) {
    if (error instanceof NewerJobError) return undefined;
    throw error;
  }
}
