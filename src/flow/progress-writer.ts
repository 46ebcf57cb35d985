import type { Queue } from 'bullmq';
import type { PartData } from '../queue/jobs/part.ts';
import { parseProgress, type StoredProgress } from '../queue/jobs/progress.ts';
import type { RedisClient } from '../redis/client.ts';
import { SpeedMeter, type StageReport } from '../upload/stage-progress.ts';

/** Progress of one upload is written at most this often by one process. */
const INTERVAL_MS = 1000;

/** Of so many uploads a process remembers what it has written. */
const MOST_UPLOADS = 10_000;

/** What a child's data says of where it belongs. */
type ChildOf = Pick<PartData, 'uploadId' | 'run'>;

/** Writes uploads' progress while their children work, throttled; failures to write are nobody's business. */
export class ProgressWriter {
  readonly #uploads: Queue;
  readonly #redis: RedisClient;
  readonly #lastMs = new Map<string, number>();
  readonly #paces = new Map<string, SpeedMeter>();
  /** Uploads that are told of once more. */
  readonly #late = new Set<string>();

  constructor(uploads: Queue, redis: RedisClient) {
    this.#uploads = uploads;
    this.#redis = redis;
  }

  hashing({ uploadId, run }: ChildOf, bytesHashed: number, totalBytes: number): void {
    if (!this.#due(uploadId)) return;
    this.#write(uploadId, run.attempt, { stage: 'hashing', bytesHashed, bytesSent: 0, totalBytes });
  }

  /**
   * To be called when a part has completed; the last of several that come at once is told a little later. What is left
   * is told by the number of children that are pending, which Redis knows at once, and which is complete only when the
   * upload has added all of them and waits.
   */
  partCompleted(part: ChildOf, partSize: number, totalBytes: number): void {
    const { uploadId, run } = part;
    if (!this.#due(uploadId)) {
      if (this.#late.has(uploadId)) return;
      this.#late.add(uploadId);
      const again = (): void => {
        this.#late.delete(uploadId);
        this.partCompleted(part, partSize, totalBytes);
      };
      setTimeout(again, INTERVAL_MS).unref();
      return;
    }
    const read = this.#redis
      .pipeline()
      .zscore(this.#uploads.toKey('waiting-children'), uploadId)
      .scard(`${this.#uploads.toKey(uploadId)}:dependencies`)
      .hget(this.#uploads.toKey(uploadId), 'progress')
      .exec();
    read.then(
      (replies) => {
        const [waiting, pending, written] = (replies ?? []).map(([, value]) => value);
        if (waiting === null || typeof pending !== 'number' || !isUploading(written)) {
          this.#lastMs.delete(uploadId);
          return;
        }
        const bytesSent = Math.max(0, totalBytes - pending * partSize);
        const report = { stage: 'uploading', bytesHashed: totalBytes, bytesSent, totalBytes } as const;
        this.#write(uploadId, run.attempt, report);
      },
      () => {},
    );
  }

  #due(uploadId: string): boolean {
    const now = performance.now();
    if (now - (this.#lastMs.get(uploadId) ?? Number.NEGATIVE_INFINITY) < INTERVAL_MS) return false;
    if (this.#lastMs.size > MOST_UPLOADS) {
      this.#lastMs.clear();
      this.#paces.clear();
    }
    this.#lastMs.set(uploadId, now);
    return true;
  }

  #write(uploadId: string, attempt: number, report: StageReport & Pick<StoredProgress, 'stage'>): void {
    const pace = this.#paces.get(uploadId) ?? new SpeedMeter(() => performance.now());
    this.#paces.set(uploadId, pace);
    const { bytesPerSecond } = pace.add(report);
    const speed = bytesPerSecond === undefined ? {} : { bytesPerSecond: Math.round(bytesPerSecond) };
    const progress: StoredProgress = { ...report, ...speed, attempt, at: Date.now() };
    this.#uploads.updateJobProgress(uploadId, progress).catch(() => {});
  }
}

/** Once all parts are there the upload has gone on, and must not be taken back. */
function isUploading(written: unknown): boolean {
  try {
    return parseProgress(JSON.parse(String(written)))?.stage === 'uploading';
  } catch {
    return false;
  }
}
