import type { Job } from 'bullmq';
import { defined } from '../base/defined.ts';
import { type HistoryEntry, readHistory } from '../flow/history.ts';
import { NewerJobError } from '../queue/jobs/schema.ts';
import { parseUploadData, type UploadData } from '../queue/jobs/upload.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/client.ts';
import type { PartState } from './part-states.ts';
import { readPartStates } from './read-part-states.ts';
import { isTerminal, type UploadStatus } from './status.ts';

/** Everything known about one upload. */
export interface UploadDetails {
  readonly status: UploadStatus;
  /** Absent if it was written by a newer version. */
  readonly data?: UploadData;
  /** Whether the upload is marked as cancelled, but no worker has ended it yet. */
  readonly cancelling: boolean;
  /** When a delayed upload will be processed next. */
  readonly dueAt?: Date;
  /** Oldest first. */
  readonly history: readonly HistoryEntry[];
  /** The state of each part; absent while it is unknown. */
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
    cancelling: cancelled === String(attempt) && !isTerminal(state),
    history,
    // BullMQ's score is the time in ms, shifted left by 12 bits for a counter.
    ...defined({ data, parts, dueAt: due === null ? undefined : new Date(Math.floor(Number(due) / 4096)) }),
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
