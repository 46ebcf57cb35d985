import type { UploadProgress } from '../index.ts';

/** How fast a stage goes, and what is left of it. */
export interface Measure {
  readonly stage: UploadProgress['stage'];
  /** Bytes of the file that this stage is through with. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** 0 to 1. */
  readonly share: number;
  /** Absent until two reports of this stage have come. */
  readonly bytesPerSecond?: number;
  readonly leftMs?: number;
}

/** Speed is an average over this time, so that a pause shows soon and a single report doesn't. */
const WINDOW_MS = 10_000;

/**
 * Speed and time left of one upload, out of the reports that come in. Each stage counts from its own first report:
 * what VOD had before isn't speed.
 */
export class Pace {
  readonly #clock: () => number;
  #stage: UploadProgress['stage'] | undefined;
  #reports: { readonly atMs: number; readonly bytes: number }[] = [];

  /** @param clock milliseconds that never go back */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  measure({ stage, bytesHashed, bytesSent, totalBytes }: UploadProgress): Measure {
    const bytes = stage === 'hashing' ? bytesHashed : bytesSent;
    if (stage !== this.#stage) this.#reports = [];
    this.#stage = stage;
    const atMs = this.#clock();
    this.#reports.push({ atMs, bytes });
    while (this.#reports.length > 2 && (this.#reports[1]?.atMs ?? atMs) <= atMs - WINDOW_MS)
      this.#reports.shift();
    const measure = { stage, doneBytes: bytes, totalBytes, share: totalBytes === 0 ? 0 : bytes / totalBytes };
    const [first] = this.#reports;
    if (first === undefined || atMs <= first.atMs || bytes <= first.bytes) return measure;
    const bytesPerMs = (bytes - first.bytes) / (atMs - first.atMs);
    return { ...measure, bytesPerSecond: bytesPerMs * 1000, leftMs: (totalBytes - bytes) / bytesPerMs };
  }
}
