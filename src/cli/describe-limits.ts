import { formatTable } from '../base/columns.ts';
import { formatSpan } from '../base/format.ts';
import { printable, printableJson } from '../base/printable.ts';
import {
  LIMITS,
  type LimitName,
  type LimitValue,
  type LimitValues,
  limitInForce,
  type SetLimit,
} from '../limits/limits.ts';
import { isTimetable } from '../limits/parse-timetable.ts';
import type { SetLimits } from '../limits/stored-limits.ts';
import type { Timetable } from '../limits/timetable.ts';

/** What the descriptions are based on. */
interface LimitsView {
  readonly names: readonly LimitName[];
  /** What is set in Redis. */
  readonly set: SetLimits;
  /** What the variables of this environment say. */
  readonly variables: LimitValues;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

const VARIABLES_NOTE = 'Values of variables are those of this environment; each worker uses its own.\n';

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** A table with one line per limit: its value, where that comes from, and when it changes. */
export function describeLimits({ names, set, variables, nowMs }: LimitsView): string {
  let hasVariables = false;
  const rows = names.map((name) => {
    const limit: SetLimit<unknown> | undefined = set.limits[name];
    const { value, source, next } = limitInForce(limit, variables[name], nowMs);
    if (source === 'variable' || next?.source === 'variable') hasVariables = true;
    return [name, valueText(name, { value, source }), settingText(limit), nextText(name, limit, next, nowMs)];
  });
  const table = formatTable([['LIMIT', 'NOW', 'SET IN REDIS', 'NEXT'], ...rows]);
  return hasVariables ? `${table}${VARIABLES_NOTE}` : table;
}

/** One JSON object per limit and line. */
export function limitRecords({ names, set, variables, nowMs }: LimitsView): string {
  return names
    .map((name) => {
      const limit: SetLimit<unknown> | undefined = set.limits[name];
      const { value, source, next } = limitInForce<unknown>(limit, variables[name], nowMs);
      const record = {
        name,
        value: jsonValue(value),
        source,
        variable: LIMITS[name].variable,
        set: limit?.text ?? null,
        timeZone: limit === undefined || !isTimetable(limit.text) ? null : limit.timeZone,
        next: next
          ? { at: new Date(next.atMs).toISOString(), value: jsonValue(next.value), source: next.source }
          : null,
      };
      return `${printableJson(JSON.stringify(record))}\n`;
    })
    .join('');
}

/** Null: unlimited. */
function jsonValue(value: unknown): unknown {
  return value === Number.POSITIVE_INFINITY ? null : value;
}

function valueText(name: LimitName, { value, source }: LimitValue<unknown>): string {
  const text = LIMITS[name].type.format(value as never);
  return source === 'redis' ? text : `${text} (${LIMITS[name].variable})`;
}

function settingText(limit: SetLimit<unknown> | undefined): string {
  if (limit === undefined) return '';
  return printable(isTimetable(limit.text) ? `${limit.text} (${limit.timeZone})` : limit.text);
}

function nextText(
  name: LimitName,
  limit: { readonly timetable: Timetable<unknown> } | undefined,
  next: (LimitValue<unknown> & { readonly atMs: number }) | undefined,
  nowMs: number,
): string {
  if (limit === undefined || next === undefined) return '';
  const local = new Date(next.atMs + limit.timetable.zone.offsetMs(next.atMs));
  const time = `${WEEKDAYS[local.getUTCDay()]} ${local.toISOString().slice(11, 16)}`;
  return `${valueText(name, next)} at ${time}, in ${formatSpan(next.atMs - nowMs)}`;
}
