import { isDeepStrictEqual } from 'node:util';
import type { Job } from 'bullmq';
import { defined } from '../base/defined.ts';
import type { Hashed } from '../queue/jobs/hash.ts';
import { parseProgress, type StoredProgress } from '../queue/jobs/progress.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import { parseUploadData, type UploadData } from '../queue/jobs/upload.ts';
import type { StoredResult } from '../queue/jobs/upload-result.ts';
import type { Run } from '../queue/names.ts';
import type { JobChange } from '../queue/write-job.ts';
import { historyRow } from './history.ts';

type UploadStage = StoredProgress['stage'];

/** Something that happened to an upload. */
export interface UploadChange {
  readonly uploadId: string;
  readonly run: Run;
  readonly stage: UploadStage;
  /** Absent until it is known. */
  readonly hashed?: Hashed;
  /** For people. */
  readonly text: string;
  readonly level: 'info' | 'warn';
}

interface ActiveUploadOptions {
  /** Writes to the upload's job. @returns whether the job exists */
  readonly write: (change: JobChange) => Promise<boolean>;
  readonly onChange: (change: UploadChange) => void;
}

/** An upload whose job is active in this process: its data, run and stage, which are written to Redis when they change. */
export class ActiveUpload {
  readonly id: string;
  readonly job: Job;
  readonly #options: ActiveUploadOptions;
  #data: UploadData;
  #run: Run;
  /** The job's progress, if it is of this attempt. */
  #progress: StoredProgress | undefined;
  /** What the next write changes besides its own change. */
  #unwritten: Pick<JobChange, 'data' | 'priority'> = {};

  /** @throws if the job's data is invalid, or a newer version wrote it */
  constructor(job: Job, options: ActiveUploadOptions) {
    this.id = job.id ?? '';
    this.job = job;
    this.#options = options;
    this.#data = parseUploadData(job.data);
    const attempt = job.attemptsMade + 1;
    this.#run = this.#data.run?.attempt === attempt ? this.#data.run : { attempt, round: 0 };
    const progress = parseProgress(job.progress);
    if (progress?.attempt === attempt) this.#progress = progress;
    // From its first activation on, an upload goes before those that have not started.
    if (job.priority > 0) this.#unwritten = { priority: 0 };
    if (this.#data.schema !== SCHEMA_VERSION) this.#change({ schema: SCHEMA_VERSION });
  }

  get data(): UploadData {
    return this.#data;
  }

  get run(): Run {
    return this.#run;
  }

  /** Whether the upload ends only when VOD has transcoded the video. */
  get waitsForTranscoding(): boolean {
    return this.#data.transcoding?.timeoutMs !== undefined;
  }

  /** Milliseconds from when the upload was due, which is when it was enqueued plus its delay. */
  durationMs(nowMs: number): number {
    const dueMs = this.job.timestamp + (this.job.opts.delay ?? 0);
    return Math.max(0, nowMs - dueMs);
  }

  /** Writes what has not been written yet. */
  async flush(): Promise<void> {
    await this.#write({});
  }

  async update(change: Partial<UploadData>): Promise<void> {
    this.#change(change);
    await this.flush();
  }

  /** Sets the SHA-1 and the version of the file, which replaces the size known so far. The next write stores it. */
  setHashed(hashed: Hashed): void {
    const { size: _, ...data } = this.#data;
    this.#data = data;
    this.#change({ hashed });
  }

  /** Sets the result. The next write stores it. */
  setResult(result: StoredResult): void {
    this.#change({ result });
  }

  /** @param reason why a new round is needed, for people */
  async startNextRound(reason: string, level: UploadChange['level']): Promise<void> {
    this.#run = { attempt: this.#run.attempt, round: this.#run.round + 1 };
    this.#change({ run: this.#run });
    await this.note('finishing', reason, level);
  }

  /** Writes the stage to the job's progress. @returns whether the upload was in another stage before */
  async enterStage(stage: UploadStage, bytesSent: number, text: string): Promise<boolean> {
    const totalBytes = this.#data.hashed?.version.size ?? 0;
    const bytesHashed = stage === 'hashing' ? 0 : totalBytes;
    const { attempt } = this.#run;
    const progress: StoredProgress = { stage, bytesHashed, bytesSent, totalBytes, attempt };
    const isNew = this.#progress?.stage !== stage;
    const isChanged = !isDeepStrictEqual(this.#progress, progress);
    this.#progress = progress;
    await this.#write({ ...(isChanged && { progress }), ...(isNew && { row: historyRow(text) }) });
    if (isNew) this.#notify(stage, text, 'info');
    return isNew;
  }

  /** Adds a row to the upload's history. */
  async note(stage: UploadStage, text: string, level: UploadChange['level'] = 'info'): Promise<void> {
    await this.#write({ row: historyRow(text) });
    this.#notify(stage, text, level);
  }

  #change(change: Partial<UploadData>): void {
    this.#data = { ...this.#data, ...change };
    this.#unwritten = { ...this.#unwritten, data: this.#data };
  }

  async #write(change: JobChange): Promise<void> {
    const all = { ...this.#unwritten, ...change };
    this.#unwritten = {};
    if (Object.keys(all).length === 0) return;
    // BullMQ's events of the job's end have this object.
    this.job.data = this.#data;
    if (!(await this.#options.write(all)))
      throw new Error(`upload ${this.id} was removed while it was running`);
  }

  #notify(stage: UploadStage, text: string, level: UploadChange['level']): void {
    const { hashed } = this.#data;
    this.#options.onChange({ uploadId: this.id, run: this.#run, stage, text, level, ...defined({ hashed }) });
  }
}
