import { UploaderError } from '../base/errors.ts';
import type { TimeZone } from './time-zone.ts';
import type { TimeRange, Timetable } from './timetable.ts';

/** Reads and writes one kind of value. */
export interface ValueType<Value> {
  /** @returns undefined when the text is no such value */
  parse(text: string): Value | undefined;
  /** What a value must be, after "must be". */
  readonly rule: string;
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const ALL_DAYS: ReadonlySet<number> = new Set(DAYS.keys());
const MINUTES_PER_DAY = 1440;

/** Whether the text is a timetable and not a single value. */
export function isTimetable(text: string): boolean {
  return text.includes('=');
}

/**
 * `20M`, or ranges of time, separated by commas: `08:00-20:00=20M`, `mon-fri 22:00-06:00=20M`, `sat-sun=unlimited`, and
 * `else=50M` for the time outside of them.
 * @throws {UploaderError} `INVALID_LIMIT`
 */
export function parseTimetable<Value>(
  text: string,
  type: ValueType<Value>,
  zone: TimeZone,
): Timetable<Value> {
  if (!isTimetable(text)) return { ranges: [], otherwise: parseValue(text, type), zone };
  const ranges: TimeRange<Value>[] = [];
  let otherwise: Value | undefined;
  for (const entry of text.split(',').map((one) => one.trim())) {
    const [, when = '', valueText = ''] = /^([^=]*)=(.*)$/.exec(entry) ?? refuse(entry);
    const value = parseValue(valueText, type);
    if (when.trim().toLowerCase() !== 'else') ranges.push({ ...parseRange(entry, when), value });
    else if (otherwise === undefined) otherwise = value;
    else throw invalid('"else" is in it more than once');
  }
  return { ranges, otherwise, zone };
}

function parseValue<Value>(text: string, { parse, rule }: ValueType<Value>): Value {
  const value = parse(text.trim());
  if (value === undefined) throw invalid(`"${text.trim()}" must be ${rule}`);
  return value;
}

function parseRange(entry: string, when: string): Omit<TimeRange<never>, 'value'> {
  const words = when.trim().toLowerCase().split(/\s+/);
  const times = words.find((word) => /\d/.test(word));
  const days = words.find((word) => word !== times);
  if (words.length > 2 || (words.length === 2 && words[1] !== times)) refuse(entry);
  const { from, to } = times === undefined ? { from: 0, to: MINUTES_PER_DAY } : parseTimes(entry, times);
  return { from, to, days: days === undefined ? ALL_DAYS : parseDays(entry, days) };
}

function parseTimes(entry: string, text: string): { readonly from: number; readonly to: number } {
  const [, ...numbers] = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text) ?? refuse(entry);
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = numbers.map(Number);
  const from = 60 * fromHour + fromMinute;
  const to = 60 * toHour + toMinute;
  if (fromMinute > 59 || toMinute > 59 || from >= MINUTES_PER_DAY || to > MINUTES_PER_DAY) {
    throw invalid(`"${entry}" must have times from 00:00 to 24:00`);
  }
  if (from === to) throw invalid(`"${entry}" ends when it begins; a whole day is 00:00-24:00`);
  return { from, to };
}

/** `mon`, `mon-fri`, `sat-mon`. */
function parseDays(entry: string, text: string): ReadonlySet<number> {
  const [first, last = first, ...more] = text.split('-').map((name) => DAYS.indexOf(name));
  if (first === undefined || last === undefined || first < 0 || last < 0 || more.length > 0) refuse(entry);
  const count = ((last - first + 7) % 7) + 1;
  return new Set(Array.from({ length: count }, (_, index) => (first + index) % 7));
}

function refuse(entry: string): never {
  throw invalid(
    `"${entry}" must be like 08:00-20:00=VALUE, mon-fri 08:00-20:00=VALUE, sat-sun=VALUE or else=VALUE`,
  );
}

function invalid(message: string): UploaderError {
  return new UploaderError('INVALID_LIMIT', message);
}
