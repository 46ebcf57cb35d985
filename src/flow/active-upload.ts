import type { Job } from 'bullmq';
import { defined } from '../base/defined.ts';
import type { Hashed } from '../queue/jobs/hash.ts';
import { parseProgress, type StoredProgress } from '../queue/jobs/progress.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import { parseUploadData, type UploadData } from '../queue/jobs/upload.ts';
import type { Run } from '../queue/names.ts';

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
}

/** An upload whose job is active in this process: its data, run and stage, which are written to Redis when they change. */
export class ActiveUpload {
  readonly id: string;
  readonly job: Job;
  readonly #onChange: (change: UploadChange) => void;
  #data: UploadData;
  #run: Run;
  /** The stage in the job's progress, if this attempt has written it. */
  #stage: UploadStage | undefined;

  /** @throws if the job's data is invalid, or a newer version wrote it */
  constructor(job: Job, onChange: (change: UploadChange) => void) {
    this.id = job.id ?? '';
    this.job = job;
    this.#onChange = onChange;
    this.#data = parseUploadData(job.data);
    const attempt = job.attemptsMade + 1;
    this.#run = this.#data.run?.attempt === attempt ? this.#data.run : { attempt, round: 0 };
    const progress = parseProgress(job.progress);
    if (progress?.attempt === attempt) this.#stage = progress.stage;
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

  async update(change: Partial<UploadData>): Promise<void> {
    this.#data = { ...this.#data, ...change };
    await this.job.updateData(this.#data);
  }

  /** Makes the data one of this program's schema version. */
  async upgrade(): Promise<void> {
    if (this.#data.schema !== SCHEMA_VERSION) await this.update({ schema: SCHEMA_VERSION });
  }

  /** Stores the SHA-1 and the version of the file, which replaces the size known so far. */
  async setHashed(hashed: Hashed): Promise<void> {
    const { size: _, ...data } = this.#data;
    this.#data = data;
    await this.update({ hashed });
  }

  async startNextRound(): Promise<void> {
    this.#run = { attempt: this.#run.attempt, round: this.#run.round + 1 };
    await this.update({ run: this.#run });
  }

  /** Writes the stage to the job's progress. @returns whether the upload was in another stage before */
  async enterStage(stage: UploadStage, bytesSent: number, text: string): Promise<boolean> {
    const totalBytes = this.#data.hashed?.version.size ?? 0;
    const bytesHashed = stage === 'hashing' ? 0 : totalBytes;
    const { attempt } = this.#run;
    const progress: StoredProgress = { stage, bytesHashed, bytesSent, totalBytes, attempt };
    await this.job.updateProgress(progress);
    const isNew = this.#stage !== stage;
    this.#stage = stage;
    if (isNew) this.notify(stage, text);
    return isNew;
  }

  notify(stage: UploadStage, text: string): void {
    const { hashed } = this.#data;
    this.#onChange({ uploadId: this.id, run: this.#run, stage, text, ...defined({ hashed }) });
  }
}
