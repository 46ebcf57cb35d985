import type { Queue } from 'bullmq';

/** Only the latest rows of an upload's history are kept. An upload without problems has five. */
const MAX_ROWS = 500;

/** An event in the life of an upload. */
export interface HistoryEntry {
  readonly at: Date;
  readonly text: string;
}

/**
 * A short history of each upload, for people. It is stored as the log of the upload's BullMQ job, so all replicas write
 * to it, dashboards show it, and it is removed together with the job.
 */
export class History {
  readonly #uploads: Queue;

  /** @param uploads the queue of upload jobs */
  constructor(uploads: Queue) {
    this.#uploads = uploads;
  }

  /** Does not wait. Errors are ignored: Redis is unreachable, or the upload was removed. */
  record(uploadId: string, text: string): void {
    this.#uploads.addJobLog(uploadId, historyRow(text), MAX_ROWS).catch(() => {});
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
