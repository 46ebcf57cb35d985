import cliProgress, { type Options, type SingleBar } from 'cli-progress';
import { shortened } from '../format.ts';
import type { UploadProgress } from '../index.ts';
import { describeMeasure, type Measure, Pace } from '../upload/pace.ts';
import type { CliContext, Output } from './context.ts';

/** Shows how uploads go on. They are told apart by their position. */
export interface Display {
  update(index: number, progress: UploadProgress): void;
  /** A line beside the progress. */
  note(text: string): void;
  /** Leaves the terminal as it was; updates that come later are not shown. */
  stop(): void;
}

export const SILENT: Display = { update: () => {}, note: () => {}, stop: () => {} };

/** Bars on a terminal as long as all of them fit on it, lines of text elsewhere. */
export function createDisplay(
  labels: readonly string[],
  { env, err }: Pick<CliContext, 'env' | 'err'>,
): Display {
  const rows = err.rows ?? 24;
  const drawsBars = err.isTTY === true && env.TERM !== 'dumb' && labels.length < rows;
  return drawsBars ? new Bars(labels, err) : new Lines(labels, err);
}

const NAME_WIDTH = 24;
const STAGE_WIDTH = 'initializing'.length;

class Bars implements Display {
  readonly #bars: readonly SingleBar[];
  readonly #all: cliProgress.MultiBar;
  readonly #paces: readonly Pace[];
  #stopped = false;

  constructor(labels: readonly string[], stream: Output) {
    const width = Math.min(NAME_WIDTH, Math.max(...labels.map((label) => label.length)));
    this.#all = new cliProgress.MultiBar({
      stream,
      hideCursor: true,
      barsize: 20,
      format: (options: Options, { progress }, payload: { label: string; measure?: Measure }) => {
        const { label, measure } = payload;
        const stage = measure?.stage ?? 'queued';
        const bar = cliProgress.Format.BarFormat(progress, options);
        const amounts = measure === undefined ? '' : describeMeasure(measure);
        return `${shortened(label, width).padEnd(width)}  ${stage.padEnd(STAGE_WIDTH)} [${bar}] ${amounts}`;
      },
    });
    this.#bars = labels.map((label) => this.#all.create(1, 0, { label }));
    this.#paces = labels.map(() => new Pace(() => performance.now()));
  }

  update(index: number, progress: UploadProgress): void {
    if (this.#stopped) return;
    const measure = this.#paces[index]?.measure(progress);
    if (measure === undefined) return;
    const share = progress.stage === 'completed' ? 1 : measure.share;
    this.#bars[index]?.update(share, { measure });
  }

  note(text: string): void {
    this.#all.log(`${text}\n`);
  }

  stop(): void {
    if (!this.#stopped) this.#all.stop();
    this.#stopped = true;
  }
}

/** While nothing else changes, a line per upload comes at most this often. */
const LINE_INTERVAL_MS = 5000;

/** A line when the stage changes, and one now and then. */
class Lines implements Display {
  readonly #labels: readonly string[];
  readonly #stream: Output;
  readonly #seen: { readonly pace: Pace; stage?: string; nextMs: number }[];
  #stopped = false;

  constructor(labels: readonly string[], stream: Output) {
    this.#labels = labels;
    this.#stream = stream;
    this.#seen = labels.map(() => ({ pace: new Pace(() => performance.now()), nextMs: 0 }));
  }

  update(index: number, progress: UploadProgress): void {
    const seen = this.#seen[index];
    if (this.#stopped || seen === undefined) return;
    const measure = seen.pace.measure(progress);
    const now = performance.now();
    if (progress.stage === seen.stage && now < seen.nextMs) return;
    seen.stage = progress.stage;
    seen.nextMs = now + LINE_INTERVAL_MS;
    const amounts = describeMeasure(measure);
    const label = shortened(this.#labels[index] ?? '', NAME_WIDTH);
    this.#stream.write(`${label}: ${progress.stage}${amounts === '' ? '' : `  ${amounts}`}\n`);
  }

  note(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  stop(): void {
    this.#stopped = true;
  }
}
