import { defined } from '../base/defined.ts';
import { formatBytes, formatBytesOf, formatClock, formatSpan } from '../base/format.ts';

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
  /** Milliseconds until the account's quota allows the next request, while the upload waits for it. */
  readonly quotaWaitMs?: number;
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
  /** As in {@link StageReport}. */
  readonly quotaWaitMs?: number;
}

export function stageProgress(report: StageReport): StageProgress {
  const { stage, bytesHashed, bytesSent, totalBytes, bytesPerSecond, quotaWaitMs } = report;
  const doneBytes = stage === 'hashing' ? bytesHashed : bytesSent;
  const share = totalBytes === 0 ? 0 : doneBytes / totalBytes;
  const progress = { stage, doneBytes, totalBytes, share, ...defined({ quotaWaitMs }) };
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
  add({ stage, bytesHashed, bytesSent, totalBytes, quotaWaitMs }: StageReport): StageProgress {
    const report = { stage, bytesHashed, bytesSent, totalBytes, ...defined({ quotaWaitMs }) };
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

/** `waiting for the account's quota, 34 s` */
export function describeQuotaWait(waitMs: number): string {
  // Not `0 s`.
  const wholeSecondsMs = Math.ceil(waitMs / 1000) * 1000;
  return `waiting for the account's quota, ${formatSpan(wholeSecondsMs)}`;
}

/**
 * `45 %  10.8 of 24.0 MiB  12.3 MiB/s  0:03 left`; `45 %  waiting for the account's quota, 34 s`. Stages without amounts
 * have at most the wait.
 */
export function formatStageProgress(progress: StageProgress): string {
  const { stage, doneBytes, totalBytes, share, bytesPerSecond, leftMs, quotaWaitMs } = progress;
  const hasAmounts = WITH_AMOUNTS.has(stage) && totalBytes > 0;
  const percent = hasAmounts ? `${Math.floor(share * 100)} %` : '';
  if (quotaWaitMs !== undefined)
    return [percent, describeQuotaWait(quotaWaitMs)].filter((text) => text !== '').join('  ');
  if (!hasAmounts) return '';
  return [
    percent,
    formatBytesOf(doneBytes, totalBytes),
    bytesPerSecond === undefined ? '' : `${formatBytes(Math.round(bytesPerSecond))}/s`,
    leftMs === undefined || share >= 1 ? '' : `${formatClock(leftMs)} left`,
  ]
    .filter((text) => text !== '')
    .join('  ');
}
