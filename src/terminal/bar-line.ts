import { displayWidth, padded, truncated } from '../base/columns.ts';

/** Content of the line of one upload. */
export interface BarFacts {
  readonly label: string;
  readonly stage: string;
  /** 0 to 1. */
  readonly share: number;
  /** Amounts, speed and time left; empty for stages without. */
  readonly amounts: string;
}

/** Widths in columns. On a narrow terminal the bar shrinks first, then the name: speed and time left matter most. */
const NAME = { least: 8, most: 24 } as const;
const BAR = { least: 4, most: 20 } as const;
/** The longest stage with amounts; stages without may be longer. */
const STAGE_WIDTH = 'uploading'.length;
/** Reserved from the start, so that bars keep their size. */
const AMOUNTS_WIDTH = '45 %  110.8 of 924.0 MiB  112.3 MiB/s  12:03 left'.length;

/**
 * `launch.mp4  [==========----------] uploading  45 %  10.8 of 24.0 MiB  12.3 MiB/s  0:03 left`
 * @param columns of the terminal; the line is never wider
 * @param longest columns of the longest label of all lines
 */
export function barLine(
  { label, stage, share, amounts }: BarFacts,
  { columns, longest }: { readonly columns: number; readonly longest: number },
): string {
  const tail = `${stage.padEnd(STAGE_WIDTH)}${amounts === '' ? '' : `  ${amounts}`}`;
  const tailWidth = Math.max(tail.length, STAGE_WIDTH + 2 + AMOUNTS_WIDTH);
  const { nameWidth, barWidth } = widths(columns - tailWidth, longest);
  const done = Math.round(share * barWidth);
  const bar = barWidth === 0 ? '' : `[${'='.repeat(done)}${'-'.repeat(barWidth - done)}] `;
  return truncated(`${padded(truncated(label, nameWidth), nameWidth)}  ${bar}${tail}`.trimEnd(), columns);
}

/** Divides the columns before the stage between name and bar. */
function widths(columns: number, longest: number): { readonly nameWidth: number; readonly barWidth: number } {
  const wanted = Math.min(NAME.most, longest);
  const least = Math.min(NAME.least, wanted);
  const withoutBar = columns - '  '.length;
  const withBar = withoutBar - '[] '.length;
  const barWidth = Math.min(BAR.most, Math.max(BAR.least, withBar - wanted));
  const beside = Math.min(wanted, withBar - barWidth);
  if (beside >= least) return { nameWidth: beside, barWidth };
  return { nameWidth: Math.max(least, Math.min(wanted, withoutBar)), barWidth: 0 };
}

/** Columns of the longest label. */
export function longestOf(labels: readonly string[]): number {
  return Math.max(...labels.map(displayWidth));
}
