import { UploaderError } from '../base/errors.ts';
import { formatBytes } from '../base/format.ts';
import type { SlotBounds } from '../upload/slot-control.ts';
import { parseTimetable, type ValueType } from './parse-timetable.ts';
import { TimeZone } from './time-zone.ts';
import { nextChange, type Timetable, valueAt } from './timetable.ts';

/**
 * limit: a setting of workers that can change while they run. Its value is set in Redis, for all workers, or is that of
 * each worker's variable.
 */
export interface LimitValues {
  /** Of all workers together; Infinity = no limit. */
  readonly 'max-bytes-per-second': number;
  /** Of each worker process; Infinity = no limit. */
  readonly 'max-process-bytes-per-second': number;
  /** Of each worker process. */
  readonly 'part-slots': SlotBounds;
}

export type LimitName = keyof LimitValues;

export const UNLIMITED = Number.POSITIVE_INFINITY;

/** At a lower rate a part takes longer than most servers wait for one. */
const MIN_BYTES_PER_SECOND = 64 * 1024;

const BYTES_PER_UNIT: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

interface LimitType<Value> extends ValueType<Value> {
  format(value: Value): string;
}

/** `65536`, `512K`, `20M`, `1.5G` (also `20MiB`), where units are multiples of 1,024; `unlimited`. */
export const BYTE_RATE: LimitType<number> = {
  rule: 'bytes per second such as 20M or 512K, at least 64K, or unlimited',
  parse(text) {
    if (text.toLowerCase() === 'unlimited') return UNLIMITED;
    const [, amount, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([kmg])?(?:ib)?$/i.exec(text) ?? [];
    const rate = Math.round(Number(amount) * (BYTES_PER_UNIT[unit.toLowerCase()] ?? Number.NaN));
    return rate >= MIN_BYTES_PER_SECOND ? rate : undefined;
  },
  format: (rate) => (rate === UNLIMITED ? 'unlimited' : `${formatBytes(rate)}/s`),
};

/** The most parts that a process may send at a time. */
export const MAX_PART_SLOTS = 512;

/** `8`, or `4-32`. */
export const SLOT_BOUNDS: LimitType<SlotBounds> = {
  rule: `a whole number from 1 to ${MAX_PART_SLOTS}, or two of them as in 4-32, the lower first`,
  parse(text) {
    const [, first, last = first] = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text) ?? [];
    const [min, max] = [Number(first), Number(last)];
    return min >= 1 && min <= max && max <= MAX_PART_SLOTS ? { min, max } : undefined;
  },
  format: ({ min, max }) => (min === max ? String(min) : `${min}-${max}`),
};

interface Limit<Value> {
  readonly type: LimitType<Value>;
  /** The variable that has an effect while the limit is not set. */
  readonly variable: string;
  readonly description: string;
}

export const LIMITS: { readonly [Name in LimitName]: Limit<LimitValues[Name]> } = {
  'max-bytes-per-second': {
    type: BYTE_RATE,
    variable: 'MAX_BYTES_PER_SECOND_TOTAL',
    description: 'bytes of parts that all workers together send per second',
  },
  'max-process-bytes-per-second': {
    type: BYTE_RATE,
    variable: 'MAX_BYTES_PER_SECOND',
    description: 'bytes of parts that each worker process sends per second',
  },
  'part-slots': {
    type: SLOT_BOUNDS,
    variable: 'PART_CONCURRENCY',
    description: 'parts that each worker process sends at a time, such as 8 or 4-32',
  },
};

export const LIMIT_NAMES = Object.keys(LIMITS) as readonly LimitName[];

export function isLimitName(name: string): name is LimitName {
  return (LIMIT_NAMES as readonly string[]).includes(name);
}

/** What a limit is set to in Redis. */
export interface LimitSetting {
  /** A value or a timetable. */
  readonly text: string;
  /** Of the timetable. */
  readonly timeZone: string;
}

export interface SetLimit<Value> extends LimitSetting {
  readonly timetable: Timetable<Value>;
}

/** @throws {UploaderError} `INVALID_LIMIT` */
export function parseLimit<Name extends LimitName>(
  name: Name,
  { text, timeZone }: LimitSetting,
): SetLimit<LimitValues[Name]> {
  try {
    return { text, timeZone, timetable: parseTimetable(text, LIMITS[name].type, new TimeZone(timeZone)) };
  } catch (error) {
    if (!(error instanceof UploaderError)) throw error;
    throw new UploaderError(error.code, `${name}: ${error.message}`);
  }
}

/** The value of a limit, and what it comes from. */
export interface LimitValue<Value> {
  readonly value: Value;
  readonly source: 'redis' | 'variable';
}

export interface LimitInForce<Value> extends LimitValue<Value> {
  /** The next change by the timetable; absent when there is none. */
  readonly next?: LimitValue<Value> & { readonly atMs: number };
}

/**
 * What is set in Redis beats the variable, except at times for which a timetable has no value.
 * @param variable the value of the variable
 * @param atMs milliseconds since 1970
 */
export function limitInForce<Value>(
  set: SetLimit<Value> | undefined,
  variable: Value,
  atMs: number,
): LimitInForce<Value> {
  const sourced = (value: Value | undefined): LimitValue<Value> =>
    value === undefined ? { value: variable, source: 'variable' } : { value, source: 'redis' };
  if (set === undefined) return sourced(undefined);
  const next = nextChange(set.timetable, atMs);
  return {
    ...sourced(valueAt(set.timetable, atMs)),
    ...(next && { next: { ...sourced(next.value), atMs: next.atMs } }),
  };
}
