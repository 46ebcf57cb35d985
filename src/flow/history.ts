import type { Queue } from 'bullmq';
import { writeJob } from '../queue/write-job.ts';
import type { RedisClient } from '../redis/client.ts';

/** An event in the life of an upload. */
export interface HistoryEntry {
  readonly at: Date;
  readonly text: string;
}

/**
 * A short history of each upload, for people: five rows if there are no problems, at most 500. It is stored as the log of the upload's BullMQ job, so all replicas write
 * to it, dashboards show it, and it is removed together with the job.
 */
export class History {
  readonly #uploads: Queue;
  readonly #redis: RedisClient;

  /** @param uploads the queue of upload jobs */
  constructor(uploads: Queue, redis: RedisClient) {
    this.#uploads = uploads;
    this.#redis = redis;
  }

  /** Does not wait. Errors are ignored: Redis is unreachable, or the upload was removed. */
  record(uploadId: string, text: string): void {
    writeJob(this.#uploads, this.#redis, uploadId, { row: historyRow(text) }).catch(() => {});
  }
}

/** A row of a job's log, with the current time. */
export function historyRow(text: string): string {
  return `${new Date().toISOString()} ${text}`;
}

/** The history of one upload, oldest first. */
export async function readHistory(uploads: Queue, uploadId: string): Promise<HistoryEntry[]> {
  const { logs } = await uploads.getJobLogs(uploadId);
  return logs.flatMap((row) => {
    const [, time, text] = /^(\d{4}-\S+Z) (.*)$/s.exec(row) ?? [];
    return time === undefined || text === undefined ? [] : [{ at: new Date(time), text }];
  });
}
