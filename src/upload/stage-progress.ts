import { formatBytes, formatBytesOf, formatClock } from '../base/format.ts';

/** A report of the progress of an upload. */
export interface StageReport {
  /** `hashing` and `uploading` have amounts; other stages have none. */
  readonly stage: string;
  readonly bytesHashed: number;
  readonly bytesSent: number;
  /** Size of the file in bytes; 0 if unknown. */
  readonly totalBytes: number;
  /** Speed of this stage, if known. */
  readonly bytesPerSecond?: number;
}

/** Progress of the current stage. */
export interface StageProgress {
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** 0 to 1. */
  readonly share: number;
  readonly bytesPerSecond?: number;
  readonly leftMs?: number;
}

export function stageProgress(report: StageReport): StageProgress {
  const { stage, bytesHashed, bytesSent, totalBytes, bytesPerSecond } = report;
  const doneBytes = stage === 'hashing' ? bytesHashed : bytesSent;
  const share = totalBytes === 0 ? 0 : doneBytes / totalBytes;
  const progress = { stage, doneBytes, totalBytes, share };
  if (bytesPerSecond === undefined || bytesPerSecond <= 0) return progress;
  return { ...progress, bytesPerSecond, leftMs: ((totalBytes - doneBytes) * 1000) / bytesPerSecond };
}

/** The speed is an average over this time, so that a pause shows soon and a single report does not. */
const WINDOW_MS = 10_000;

/**
 * Speed and remaining time of one upload, from its reports. Each stage is measured from its own first report: parts that
 * VOD had before do not count.
 */
export class SpeedMeter {
  readonly #clock: () => number;
  #stage: string | undefined;
  #reports: { readonly atMs: number; readonly bytes: number }[] = [];

  /** @param clock a monotonic clock, in ms */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Adds a report. The result has a speed from the second report of a stage on. */
  add({ stage, bytesHashed, bytesSent, totalBytes }: StageReport): StageProgress {
    const report = { stage, bytesHashed, bytesSent, totalBytes };
    const { doneBytes: bytes } = stageProgress(report);
    if (stage !== this.#stage) this.#reports = [];
    this.#stage = stage;
    const atMs = this.#clock();
    this.#reports.push({ atMs, bytes });
    while (this.#reports.length > 2 && (this.#reports[1]?.atMs ?? atMs) <= atMs - WINDOW_MS) {
      this.#reports.shift();
    }
    const [first] = this.#reports;
    if (first === undefined || atMs <= first.atMs) return stageProgress(report);
    return stageProgress({ ...report, bytesPerSecond: ((bytes - first.bytes) * 1000) / (atMs - first.atMs) });
  }
}

const WITH_AMOUNTS: ReadonlySet<string> = new Set(['hashing', 'uploading']);

/** `45 %  10.8 of 24.0 MiB  12.3 MiB/s  0:03 left`; empty for stages without amounts. */
export function formatStageProgress(progress: StageProgress): string {
  const { stage, doneBytes, totalBytes, share, bytesPerSecond, leftMs } = progress;
  if (!WITH_AMOUNTS.has(stage) || totalBytes === 0) return '';
  return [
    `${Math.floor(share * 100)} %`,
    formatBytesOf(doneBytes, totalBytes),
    bytesPerSecond === undefined ? '' : `${formatBytes(Math.round(bytesPerSecond))}/s`,
    leftMs === undefined || share >= 1 ? '' : `${formatClock(leftMs)} left`,
  ]
    .filter((text) => text !== '')
    .join('  ');
}
