import { formatBytes, formatBytesOf, formatClock } from '../base/format.ts';

/** A report of how far an upload is. */
export interface Report {
  /** `hashing` and `uploading` have amounts; any other stage has none. */
  readonly stage: string;
  readonly bytesHashed: number;
  readonly bytesSent: number;
  /** Bytes of the file; 0 while unknown. */
  readonly totalBytes: number;
  /** Of this stage, when it is known. */
  readonly bytesPerSecond?: number;
}

/** How fast a stage goes, and what is left of it. */
export interface Measure {
  readonly stage: string;
  /** Bytes of the file that this stage is through with. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** 0 to 1. */
  readonly share: number;
  readonly bytesPerSecond?: number;
  readonly leftMs?: number;
}

/** What one report tells. */
export function measureOf({ stage, bytesHashed, bytesSent, totalBytes, bytesPerSecond }: Report): Measure {
  const doneBytes = stage === 'hashing' ? bytesHashed : bytesSent;
  const share = totalBytes === 0 ? 0 : doneBytes / totalBytes;
  const measure = { stage, doneBytes, totalBytes, share };
  if (bytesPerSecond === undefined || bytesPerSecond <= 0) return measure;
  return { ...measure, bytesPerSecond, leftMs: ((totalBytes - doneBytes) * 1000) / bytesPerSecond };
}

/** Speed is an average over this time, so that a pause shows soon and a single report doesn't. */
const WINDOW_MS = 10_000;

/**
 * Speed and time left of one upload, out of the reports that come in. Each stage counts from its own first report:
 * what VOD had before isn't speed.
 */
export class Pace {
  readonly #clock: () => number;
  #stage: string | undefined;
  #reports: { readonly atMs: number; readonly bytes: number }[] = [];

  /** @param clock milliseconds that never go back */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The speed is absent until two reports of a stage have come. */
  measure({ stage, bytesHashed, bytesSent, totalBytes }: Report): Measure {
    const report = { stage, bytesHashed, bytesSent, totalBytes };
    const { doneBytes: bytes } = measureOf(report);
    if (stage !== this.#stage) this.#reports = [];
    this.#stage = stage;
    const atMs = this.#clock();
    this.#reports.push({ atMs, bytes });
    while (this.#reports.length > 2 && (this.#reports[1]?.atMs ?? atMs) <= atMs - WINDOW_MS)
      this.#reports.shift();
    const [first] = this.#reports;
    if (first === undefined || atMs <= first.atMs) return measureOf(report);
    return measureOf({ ...report, bytesPerSecond: ((bytes - first.bytes) * 1000) / (atMs - first.atMs) });
  }
}

const COUNTED: ReadonlySet<string> = new Set(['hashing', 'uploading']);

/** `45 %  10.8 of 24.0 MiB  12.3 MiB/s  0:03 left`; empty where a stage has no amounts. */
export function describeMeasure(measure: Measure): string {
  if (!COUNTED.has(measure.stage) || measure.totalBytes === 0) return '';
  return [
    `${Math.floor(measure.share * 100)} %`,
    formatBytesOf(measure.doneBytes, measure.totalBytes),
    measure.bytesPerSecond === undefined ? '' : `${formatBytes(Math.round(measure.bytesPerSecond))}/s`,
    measure.leftMs === undefined || measure.share >= 1 ? '' : `${formatClock(measure.leftMs)} left`,
  ]
    .filter((text) => text !== '')
    .join('  ');
}
