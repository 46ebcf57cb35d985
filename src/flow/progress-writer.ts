import type { Queue } from 'bullmq';
import type { PartData } from '../queue/jobs/part.ts';
import { parseProgress, type StoredProgress } from '../queue/jobs/progress.ts';
import type { RedisClient } from '../redis/client.ts';
import { SpeedMeter, type StageReport } from '../upload/stage-progress.ts';
import { type PartRefill, UNQUEUED_FIELD } from './fan-out.ts';

/** A process writes the progress of an upload at most this often. */
const INTERVAL_MS = 1000;

/** A process remembers the last write of this many uploads. */
const MAX_UPLOADS = 10_000;

type ChildOf = Pick<PartData, 'uploadId' | 'run'>;

/** Writes the progress of uploads while their children are active, throttled. Write errors are ignored. */
export class ProgressWriter {
  readonly #uploads: Queue;
  readonly #redis: RedisClient;
  readonly #refill: PartRefill;
  readonly #lastMs = new Map<string, number>();
  readonly #speedMeters = new Map<string, SpeedMeter>();
  /** Uploads whose progress will be written once more, by a timer. */
  readonly #scheduled = new Set<string>();

  constructor(uploads: Queue, redis: RedisClient, refill: PartRefill) {
    this.#uploads = uploads;
    this.#redis = redis;
    this.#refill = refill;
  }

  hashing({ uploadId, run }: ChildOf, bytesHashed: number, totalBytes: number): void {
    // The next stage follows at once.
    if (bytesHashed >= totalBytes || !this.#isDue(uploadId)) return;
    this.#write(uploadId, run.attempt, { stage: 'hashing', bytesHashed, bytesSent: 0, totalBytes });
  }

  /**
   * Call it when a part has completed. If it is called too often for a write, one more write follows. The bytes left are
   * computed from the number of unfinished children and that of parts without a job, which is O(1) in Redis. Both are
   * right only while the upload waits for its children. If few of them are left, the upload adds the next ones.
   */
  partCompleted(part: ChildOf, partSize: number, totalBytes: number): void {
    const { uploadId, run } = part;
    const isOnly = totalBytes <= partSize;
    if (isOnly) return;
    if (!this.#isDue(uploadId)) {
      if (this.#scheduled.has(uploadId)) return;
      this.#scheduled.add(uploadId);
      const writeAgain = (): void => {
        this.#scheduled.delete(uploadId);
        this.partCompleted(part, partSize, totalBytes);
      };
      setTimeout(writeAgain, INTERVAL_MS).unref();
      return;
    }
    const read = this.#redis
      .pipeline()
      .zscore(this.#uploads.toKey('waiting-children'), uploadId)
      .scard(`${this.#uploads.toKey(uploadId)}:dependencies`)
      .hmget(this.#uploads.toKey(uploadId), 'progress', UNQUEUED_FIELD)
      .exec();
    read.then(
      (replies) => {
        const [waiting, pending, fields] = (replies ?? []).map(([, value]) => value);
        const [written, unqueued] = (fields ?? []) as (string | null)[];
        if (waiting === null || typeof pending !== 'number' || !isUploading(written)) {
          this.#lastMs.delete(uploadId);
          return;
        }
        const left = pending + Number(unqueued ?? 0);
        const bytesSent = Math.max(0, totalBytes - left * partSize);
        const report = { stage: 'uploading', bytesHashed: totalBytes, bytesSent, totalBytes } as const;
        this.#write(uploadId, run.attempt, report);
        this.#refill.wakeIfLow(uploadId, pending, Number(unqueued ?? 0)).catch(() => {});
      },
      () => {},
    );
  }

  #isDue(uploadId: string): boolean {
    const now = performance.now();
    if (now - (this.#lastMs.get(uploadId) ?? Number.NEGATIVE_INFINITY) < INTERVAL_MS) return false;
    if (this.#lastMs.size > MAX_UPLOADS) {
      this.#lastMs.clear();
      this.#speedMeters.clear();
    }
    this.#lastMs.set(uploadId, now);
    return true;
  }

  #write(uploadId: string, attempt: number, report: StageReport & Pick<StoredProgress, 'stage'>): void {
    const meter = this.#speedMeters.get(uploadId) ?? new SpeedMeter(() => performance.now());
    this.#speedMeters.set(uploadId, meter);
    const { bytesPerSecond } = meter.add(report);
    const speed = bytesPerSecond === undefined ? {} : { bytesPerSecond: Math.round(bytesPerSecond) };
    const progress: StoredProgress = { ...report, ...speed, attempt, at: Date.now() };
    this.#uploads.updateJobProgress(uploadId, progress).catch(() => {});
  }
}

/** After its last part an upload enters the next stage, and its progress must not return to this one. */
function isUploading(written: unknown): boolean {
  try {
    return parseProgress(JSON.parse(String(written)))?.stage === 'uploading';
  } catch {
    return false;
  }
}
