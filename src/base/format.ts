import stringWidth from 'string-width';

/*
 * How amounts and times are shown to people.
 */

const KIB = 1024;
const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1 byte`, `532 bytes`, `1.0 KiB`, `24.0 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < KIB) return `${bytes} byte${bytes === 1 ? '' : 's'}`;
  const exponent = Math.min(UNITS.length, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / KIB ** exponent).toFixed(1)} ${UNITS[exponent - 1]}`;
}

/** `10.8 of 24.0 MiB`: both in the larger one's unit. */
export function formatBytesOf(part: number, whole: number): string {
  if (whole < KIB) return `${part} of ${formatBytes(whole)}`;
  const exponent = Math.min(UNITS.length, Math.floor(Math.log2(whole) / 10));
  return `${(part / KIB ** exponent).toFixed(1)} of ${formatBytes(whole)}`;
}

/** `0.35 s`, `4.2 s`, `42 s`, then as a clock: `3:07`, `1:03:07`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  return seconds < 59.5 ? `${Math.round(seconds)} s` : formatClock(ms);
}

/** In words, to the minute or, above two days, to the hour: `45 s`, `12 min`, `3 h 2 min`, `5 d 4 h`. */
export function formatSpan(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${hours / 24} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `0:07`, `3:07`, `1:03:07`. */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** `2026-05-01 12:30:00`, in the local time zone. */
export function formatTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}

/** Characters that end a line, or steer a terminal. */
const STEERING = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** Characters that are not seen, and have others seen in another order or not at all. */
export const DECEIVING = /[\p{Bidi_Control}\u200b\ufeff]/gu;

const UNPRINTABLE = new RegExp(`${STEERING.source}|${DECEIVING.source}`, 'gu');

/** Names and words of strangers as one line for people: they must not steer a terminal, or look like what they are not. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '?');
}

/** The same of a text that has lines of its own. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** The same of JSON, where nothing is lost: such characters are written as escapes. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) => {
    if (character === '\n') return character;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** How many columns of a terminal a text takes: Chinese characters and emoji two each, accents none. */
export function columnsOf(text: string): number {
  return stringWidth(text);
}

/** Filled up with spaces to so many columns. */
export function padded(text: string, columns: number): string {
  return `${text}${' '.repeat(Math.max(0, columns - columnsOf(text)))}`;
}

const GRAPHEMES = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** As much of a text as so many columns hold, in whole characters as a reader counts them; printable. */
export function shortened(text: string, columns: number): string {
  const whole = printable(text);
  if (columnsOf(whole) <= columns) return whole;
  let start = '';
  let width = 1; // of the …
  for (const { segment } of GRAPHEMES.segment(whole)) {
    width += columnsOf(segment);
    if (width > columns) break;
    start += segment;
  }
  return columns < 1 ? '' : `${start}…`;
}

/** Lines of label and value, the values one below the other; printable. */
export function fields(
  rows: readonly (readonly [label: string, value: string | undefined])[],
  indent = '',
): string {
  const shown = rows.filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([label]) => columnsOf(label)));
  return shown
    .map(([label, value]) => `${indent}${padded(label, width)}  ${printable(value ?? '')}\n`)
    .join('');
}
