import type { TimeZone } from './time-zone.ts';

/** A daily period of local time. If it ends before it begins, it crosses midnight and belongs to the day that it begins on. */
export interface TimeRange<Value> {
  /** Minutes since midnight; `to` is excluded and at most 1,440. */
  readonly from: number;
  readonly to: number;
  /** Days that the range begins on, 0 = Sunday. */
  readonly days: ReadonlySet<number>;
  readonly value: Value;
}

/**
 * A value that depends on the local time: that of the first range that contains it, else `otherwise`. Clocks say what time
 * it is: a range that begins in an hour that is left out in spring begins after it, and an hour that is repeated in autumn
 * has the same values both times.
 */
export interface Timetable<Value> {
  readonly ranges: readonly TimeRange<Value>[];
  /** Undefined: outside of the ranges the timetable has no value. */
  readonly otherwise: Value | undefined;
  readonly zone: TimeZone;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A week, and a day for changed clocks: what has not changed by then never does. */
const LOOK_AHEAD_MS = 8 * DAY_MS;

/** @param atMs since 1970 */
export function valueAt<Value>(
  { ranges, otherwise, zone }: Timetable<Value>,
  atMs: number,
): Value | undefined {
  const local = new Date(atMs + zone.offsetMs(atMs));
  const day = local.getUTCDay();
  const minute = 60 * local.getUTCHours() + local.getUTCMinutes();
  const range = ranges.find((one) => contains(one, day, minute));
  return range === undefined ? otherwise : range.value;
}

/** When the value is another one for the first time, in ms since 1970; undefined when it never changes. */
export function nextChange<Value>(
  timetable: Timetable<Value>,
  atMs: number,
): { readonly atMs: number; readonly value: Value | undefined } | undefined {
  const { ranges, zone } = timetable;
  const valueNow = valueAt(timetable, atMs);
  const boundariesMs = ranges.flatMap(({ from, to }) => [from * MINUTE_MS, to * MINUTE_MS]);
  if (boundariesMs.length === 0) return undefined;
  for (let lastMs = atMs; lastMs < atMs + LOOK_AHEAD_MS; ) {
    const localMs = lastMs + zone.offsetMs(lastMs);
    const boundaryMs = lastMs + Math.min(...boundariesMs.map((ms) => modulo(ms - localMs, DAY_MS) || DAY_MS));
    const nextMs = zone.clockChange(lastMs, boundaryMs) ?? boundaryMs;
    const value = valueAt(timetable, nextMs);
    if (value !== valueNow) return { atMs: nextMs, value };
    lastMs = nextMs;
  }
  return undefined;
}

function contains({ from, to, days }: TimeRange<unknown>, day: number, minute: number): boolean {
  if (from < to) return days.has(day) && from <= minute && minute < to;
  return (days.has(day) && from <= minute) || (days.has(modulo(day - 1, 7)) && minute < to);
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
