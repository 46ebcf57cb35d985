import type { Queue } from 'bullmq';

/** So many rows of an upload's history are kept, the latest; an upload that goes well has five. */
const KEEP_ROWS = 500;

/** What happened to an upload, and when. */
export interface HistoryEntry {
  readonly at: Date;
  readonly text: string;
}

/**
 * The story of each upload in short, for people: kept as the log of its job in Redis, whichever replica writes it, and
 * so also what a dashboard of BullMQ shows as the job's log. It goes when the job goes.
 */
export class History {
  readonly #uploads: Queue;

  /** @param uploads the queue of upload jobs */
  constructor(uploads: Queue) {
    this.#uploads = uploads;
  }

  /** Does not wait; a row that can't be written, because Redis is away or the upload is gone, is nobody's business. */
  record(uploadId: string, text: string): void {
    this.#uploads.addJobLog(uploadId, historyRow(text), KEEP_ROWS).catch(() => {});
  }
}

/** What happened now, as a row of a job's log. */
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
