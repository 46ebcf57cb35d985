import { expect, test } from 'vitest';
import { describeLimits, limitRecords } from '../../../src/cli/describe-limits.ts';
import { LIMIT_NAMES } from '../../../src/limits/limits.ts';
import { parseStored } from '../../../src/limits/stored-limits.ts';

const UNLIMITED = Number.POSITIVE_INFINITY;

const view = (fields: Readonly<Record<string, string>>) => ({
  names: LIMIT_NAMES,
  set: parseStored(
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        JSON.stringify({ value, timeZone: 'Europe/Berlin' }),
      ]),
    ),
  ),
  variables: {
    'max-bytes-per-second': 65_536,
    'max-process-bytes-per-second': UNLIMITED,
    'part-slots': { min: 4, max: 32 },
  },
  // A Wednesday, 12:00 in Berlin.
  nowMs: Date.parse('2026-07-01T10:00Z'),
});

test('limits that are not set are those of the variables', () => {
  expect(describeLimits(view({}))).toBe(`\
LIMIT                         NOW                                      SET IN REDIS  NEXT
max-bytes-per-second          64.0 KiB/s (MAX_BYTES_PER_SECOND_TOTAL)
max-process-bytes-per-second  unlimited (MAX_BYTES_PER_SECOND)
part-slots                    4-32 (PART_CONCURRENCY)
Values of variables are those of this environment; each worker uses its own.
`);
});

test('limits that are set say what comes next and when, by the clock of the timetable', () => {
  const set = {
    'max-bytes-per-second': '08:00-20:00=20M',
    'max-process-bytes-per-second': 'sat-sun=unlimited,else=5M',
    'part-slots': '8',
  };
  expect(describeLimits(view(set))).toBe(`\
LIMIT                         NOW         SET IN REDIS                               NEXT
max-bytes-per-second          20.0 MiB/s  08:00-20:00=20M (Europe/Berlin)            64.0 KiB/s (MAX_BYTES_PER_SECOND_TOTAL) at Wed 20:00, in 8 h
max-process-bytes-per-second  5.0 MiB/s   sat-sun=unlimited,else=5M (Europe/Berlin)  unlimited at Sat 00:00, in 2 d 12 h
part-slots                    8           8
Values of variables are those of this environment; each worker uses its own.
`);
  const names = ['part-slots'] as const;
  expect(describeLimits({ ...view(set), names })).not.toContain('Values of variables');
});

test('as JSON each limit is one line', () => {
  const lines = limitRecords(view({ 'max-bytes-per-second': '08:00-20:00=20M,else=unlimited' })).split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      ...{ name: 'max-bytes-per-second', value: 20_971_520, source: 'redis' },
      ...{ variable: 'MAX_BYTES_PER_SECOND_TOTAL', set: '08:00-20:00=20M,else=unlimited' },
      timeZone: 'Europe/Berlin',
      next: { at: '2026-07-01T18:00:00.000Z', value: null, source: 'redis' },
    },
    {
      ...{ name: 'max-process-bytes-per-second', value: null, source: 'variable' },
      ...{ variable: 'MAX_BYTES_PER_SECOND', set: null, timeZone: null, next: null },
    },
    {
      ...{ name: 'part-slots', value: { min: 4, max: 32 }, source: 'variable' },
      ...{ variable: 'PART_CONCURRENCY', set: null, timeZone: null, next: null },
    },
  ]);
});

test('control characters in Redis are escaped', () => {
  const odd = view({ 'part-slots': 'mon\u000b08:00-20:00=8' });
  expect(odd.set.limits['part-slots']).toBeDefined();
  expect(describeLimits(odd)).not.toMatch(/[^\n\P{Cc}]/u);
});
