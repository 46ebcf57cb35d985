import stringWidth from 'string-width';
import { printable } from './printable.ts';

/** The number of terminal columns that a text takes: two for a Chinese character or an emoji, none for a combining accent. */
export function displayWidth(text: string): number {
  return stringWidth(text);
}

/** Padded with spaces to `columns`. */
export function padded(text: string, columns: number): string {
  return `${text}${' '.repeat(Math.max(0, columns - displayWidth(text)))}`;
}

const GRAPHEMES = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** Printable text of at most `columns` columns; cut between graphemes and ended by `…` when it is longer. */
export function truncated(text: string, columns: number): string {
  const whole = printable(text);
  if (displayWidth(whole) <= columns) return whole;
  let start = '';
  let width = 1; // for the …
  for (const { segment } of GRAPHEMES.segment(whole)) {
    width += displayWidth(segment);
    if (width > columns) break;
    start += segment;
  }
  return columns < 1 ? '' : `${start}…`;
}

/** One printable line per label and value, with the values aligned. Rows without a value are left out. */
export function formatFields(
  rows: readonly (readonly [label: string, value: string | undefined])[],
  indent = '',
): string {
  const shown = rows.filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([label]) => displayWidth(label)));
  return shown
    .map(([label, value]) => `${indent}${padded(label, width)}  ${printable(value ?? '')}\n`)
    .join('');
}

/** Lines whose columns are aligned, two spaces apart. The texts must be printable. */
export function formatTable(lines: readonly (readonly string[])[]): string {
  const lengths = lines.map((line) => line.length);
  // The last column needs no padding.
  const widths = Array.from({ length: Math.max(...lengths) - 1 }, (_, column) =>
    Math.max(...lines.map((line) => displayWidth(line[column] ?? ''))),
  );
  return lines
    .map((line) => line.map((text, column) => padded(text, widths[column] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
