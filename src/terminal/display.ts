import cliProgress, { type Options, type SingleBar } from 'cli-progress';
import { truncated } from '../base/columns.ts';
import type { UploadProgress } from '../index.ts';
import { formatStageProgress, SpeedMeter, type StageProgress } from '../upload/stage-progress.ts';
import { barLine, longestOf } from './bar-line.ts';
import type { CliContext, Output } from './context.ts';

/** Shows the progress of uploads, by index. */
export interface Display {
  update(index: number, progress: UploadProgress): void;
  /** Prints a line in addition to the progress. */
  note(text: string): void;
  /** Restores the terminal; later updates are ignored. */
  stop(): void;
}

export const SILENT: Display = { update: () => {}, note: () => {}, stop: () => {} };

/** Bars on a terminal if all of them fit, otherwise lines of text. */
export function createDisplay(
  labels: readonly string[],
  { env, err }: Pick<CliContext, 'env' | 'err'>,
): Display {
  const rows = err.rows ?? 24;
  const drawsBars = err.isTTY === true && env.TERM !== 'dumb' && labels.length < rows;
  return drawsBars ? new Bars(labels, err) : new Lines(labels, err);
}

/** Used when the terminal does not report its width. */
const DEFAULT_COLUMNS = 80;

class Bars implements Display {
  readonly #bars: readonly SingleBar[];
  readonly #all: cliProgress.MultiBar;
  readonly #paces: readonly SpeedMeter[];
  #stopped = false;

  constructor(labels: readonly string[], stream: Output) {
    const longest = longestOf(labels);
    this.#all = new cliProgress.MultiBar({
      stream: withoutCutting(stream),
      hideCursor: true,
      format: (_: Options, { progress: share }, payload: { label: string; measure?: StageProgress }) => {
        const { label, measure } = payload;
        const stage = measure?.stage ?? 'queued';
        const amounts = measure === undefined ? '' : formatStageProgress(measure);
        // cli-progress clears from the cursor to the right after each line; in the last column that deletes a character.
        const columns = (stream.columns || DEFAULT_COLUMNS) - 1;
        return barLine({ label, stage, share, amounts }, { columns, longest });
      },
    });
    this.#bars = labels.map((label) => this.#all.create(1, 0, { label }));
    this.#paces = labels.map(() => new SpeedMeter(() => performance.now()));
  }

  update(index: number, progress: UploadProgress): void {
    if (this.#stopped) return;
    const measure = this.#paces[index]?.add(progress);
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

/** Keeps cli-progress from cutting lines: it counts UTF-16 units (an emoji has up to 11), and these lines fit already. */
function withoutCutting(stream: Output): NodeJS.WritableStream {
  const write = (text: string): boolean => stream.write(text);
  const terminal: Partial<Output> = { isTTY: true, columns: Number.POSITIVE_INFINITY, write };
  return terminal as NodeJS.WritableStream;
}

const LABEL_WIDTH = 24;
/** Minimum time between two lines of an upload in the same stage. */
const LINE_INTERVAL_MS = 5000;

/** Prints a line when the stage changes, and at most one per LINE_INTERVAL_MS otherwise. */
class Lines implements Display {
  readonly #labels: readonly string[];
  readonly #stream: Output;
  readonly #seen: { readonly pace: SpeedMeter; stage?: string; nextMs: number }[];
  #stopped = false;

  constructor(labels: readonly string[], stream: Output) {
    this.#labels = labels;
    this.#stream = stream;
    this.#seen = labels.map(() => ({ pace: new SpeedMeter(() => performance.now()), nextMs: 0 }));
  }

  update(index: number, progress: UploadProgress): void {
    const seen = this.#seen[index];
    if (this.#stopped || seen === undefined) return;
    const measure = seen.pace.add(progress);
    const now = performance.now();
    if (progress.stage === seen.stage && now < seen.nextMs) return;
    seen.stage = progress.stage;
    seen.nextMs = now + LINE_INTERVAL_MS;
    const amounts = formatStageProgress(measure);
    const label = truncated(this.#labels[index] ?? '', LABEL_WIDTH);
    this.#stream.write(`${label}: ${progress.stage}${amounts === '' ? '' : `  ${amounts}`}\n`);
  }

  note(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  stop(): void {
    this.#stopped = true;
  }
}
