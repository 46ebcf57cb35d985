import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTimetable, type ValueType } from '../../../src/limits/parse-timetable.ts';
import { TimeZone } from '../../../src/limits/time-zone.ts';
import { nextChange, type Timetable, valueAt } from '../../../src/limits/timetable.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const WORD: ValueType<string> = {
  rule: 'a small letter',
  parse: (text) => (/^[a-z]$/.test(text) ? text : undefined),
};

const at = (text: string): number => Date.parse(text);
const parse = (text: string, zone = 'UTC'): Timetable<string> =>
  parseTimetable(text, WORD, new TimeZone(zone));

/** The changes from a time on, up to `count`, as `2026-07-01T08:00Z=a`; `-` is no value. */
function changes(timetable: Timetable<string>, fromMs: number, count: number): string[] {
  const found: string[] = [];
  for (let atMs = fromMs; found.length < count; ) {
    const next = nextChange(timetable, atMs);
    if (next === undefined) break;
    found.push(`${new Date(next.atMs).toISOString().slice(0, 16)}Z=${next.value ?? '-'}`);
    atMs = next.atMs;
  }
  return found;
}

describe('a timetable', () => {
  test('has one value at all times when it is a single value', () => {
    const timetable = parse(' a ');
    expect(valueAt(timetable, 0)).toBe('a');
    expect(nextChange(timetable, 0)).toBeUndefined();
  });

  test('has the value of a range from its first to its last minute', () => {
    const timetable = parse('08:00-20:00=a');
    const values = ['07:59:59.999', '08:00', '19:59:59.999', '20:00'].map((time) =>
      valueAt(timetable, at(`2026-07-01T${time}Z`)),
    );
    expect(values).toEqual([undefined, 'a', 'a', undefined]);
    expect(changes(timetable, at('2026-07-01T08:00Z'), 3)).toEqual([
      '2026-07-01T20:00Z=-',
      '2026-07-02T08:00Z=a',
      '2026-07-02T20:00Z=-',
    ]);
    // One millisecond before the change, and in the middle of a minute.
    expect(nextChange(timetable, at('2026-07-01T07:59:59.999Z'))?.atMs).toBe(at('2026-07-01T08:00Z'));
    expect(nextChange(timetable, at('2026-07-01T07:30:31.234Z'))?.atMs).toBe(at('2026-07-01T08:00Z'));
  });

  test('can cross midnight, and has another value outside of its ranges', () => {
    const timetable = parse('22:30-06:00=a, else=b');
    const values = ['22:29', '22:30', '00:00', '05:59', '06:00'].map((time) =>
      valueAt(timetable, at(`2026-07-01T${time}Z`)),
    );
    expect(values).toEqual(['b', 'a', 'a', 'a', 'b']);
    expect(changes(timetable, at('2026-07-01T23:00Z'), 2)).toEqual([
      '2026-07-02T06:00Z=b',
      '2026-07-02T22:30Z=a',
    ]);
  });

  test('belongs to the day on which a range begins', () => {
    // 2026-07-03 is a Friday.
    const timetable = parse('mon-fri 22:00-06:00=a,sat-sun=b,else=c');
    expect(changes(timetable, at('2026-07-03T12:00Z'), 6)).toEqual([
      '2026-07-03T22:00Z=a',
      '2026-07-04T06:00Z=b',
      '2026-07-06T00:00Z=c',
      '2026-07-06T22:00Z=a',
      '2026-07-07T06:00Z=c',
      '2026-07-07T22:00Z=a',
    ]);
    expect(changes(parse('wed 10:00-11:00=a'), at('2026-07-01T10:30Z'), 2)).toEqual([
      '2026-07-01T11:00Z=-',
      '2026-07-08T10:00Z=a',
    ]);
    expect(valueAt(parse('SAT-MON 00:00-24:00=a'), at('2026-07-05T12:00Z'))).toBe('a');
    expect(valueAt(parse('sat-mon=a'), at('2026-07-07T00:00Z'))).toBeUndefined();
  });

  test('has the value of the first range that contains the time', () => {
    const timetable = parse('12:00-13:00=a,08:00-20:00=b');
    expect(changes(timetable, at('2026-07-01T00:00Z'), 4)).toEqual([
      '2026-07-01T08:00Z=b',
      '2026-07-01T12:00Z=a',
      '2026-07-01T13:00Z=b',
      '2026-07-01T20:00Z=-',
    ]);
  });

  test('does not change where ranges with the same value meet', () => {
    expect(changes(parse('00:00-12:00=a,12:00-24:00=a'), 0, 1)).toEqual([]);
    expect(changes(parse('08:00-12:00=a,12:00-20:00=a'), 0, 2)).toEqual([
      '1970-01-01T08:00Z=a',
      '1970-01-01T20:00Z=-',
    ]);
    expect(changes(parse('else=a'), 0, 1)).toEqual([]);
  });
});

describe('changed clocks', () => {
  test('move a range with the local time', () => {
    const timetable = parse('08:00-20:00=a', 'Europe/Berlin');
    expect(changes(timetable, at('2026-03-28T12:00Z'), 3)).toEqual([
      '2026-03-28T19:00Z=-',
      '2026-03-29T06:00Z=a',
      '2026-03-29T18:00Z=-',
    ]);
    expect(changes(timetable, at('2026-10-24T12:00Z'), 2)).toEqual([
      '2026-10-24T18:00Z=-',
      '2026-10-25T07:00Z=a',
    ]);
  });

  test('begin a range after the hour that is left out', () => {
    // 02:00 to 03:00 does not exist on 2026-03-29.
    const timetable = parse('02:30-05:00=a', 'Europe/Berlin');
    expect(changes(timetable, at('2026-03-28T22:00Z'), 2)).toEqual([
      '2026-03-29T01:00Z=a',
      '2026-03-29T03:00Z=-',
    ]);
    // A range within that hour is left out.
    expect(changes(parse('02:15-02:45=a', 'Europe/Berlin'), at('2026-03-28T22:00Z'), 1)).toEqual([
      '2026-03-30T00:15Z=a',
    ]);
  });

  test('repeat what is in the hour that is repeated', () => {
    // 02:00 to 03:00 exists twice on 2026-10-25: from 00:00 and from 01:00 UTC.
    const timetable = parse('01:00-02:30=a', 'Europe/Berlin');
    expect(changes(timetable, at('2026-10-24T22:00Z'), 4)).toEqual([
      '2026-10-24T23:00Z=a',
      '2026-10-25T00:30Z=-',
      '2026-10-25T01:00Z=a',
      '2026-10-25T01:30Z=-',
    ]);
    expect(changes(parse('22:00-03:00=a', 'Europe/Berlin'), at('2026-10-24T21:00Z'), 1)).toEqual([
      '2026-10-25T02:00Z=-',
    ]);
  });

  test('can be at midnight', () => {
    // 00:00 to 01:00 does not exist on 2026-04-24, a Friday.
    expect(changes(parse('fri=a', 'Africa/Cairo'), at('2026-04-23T12:00Z'), 2)).toEqual([
      '2026-04-23T22:00Z=a',
      '2026-04-24T21:00Z=-',
    ]);
  });
});

test('the next change is the first minute with another value, in any time zone and at any time', () => {
  const pad = (number: number): string => String(number).padStart(2, '0');
  const time = fc
    .integer({ min: 0, max: 1439 })
    .map((minute) => `${pad(Math.floor(minute / 60))}:${pad(minute % 60)}`);
  const range = fc
    .tuple(fc.constantFrom('', 'mon-fri ', 'sat ', 'fri-mon '), time, time, fc.constantFrom('a', 'b'))
    .filter(([, from, to]) => from !== to)
    .map(([days, from, to, value]) => `${days}${from}-${to}=${value}`);
  const texts = fc.array(range, { minLength: 1, maxLength: 3 }).map((ranges) => ranges.join(','));
  // A day before the clocks are changed.
  const starts = fc.constantFrom(
    ['Europe/Berlin', '2026-03-28T00:00Z'],
    ['Europe/Berlin', '2026-10-24T00:00Z'],
    ['Africa/Cairo', '2026-04-23T00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T00:00Z'],
    ['America/Havana', '2026-03-07T00:00Z'],
  );
  fc.assert(
    fc.property(texts, starts, fc.nat(DAY_MS), (text, [zone = '', start = ''], laterMs) => {
      const timetable = parse(text, zone);
      const fromMs = at(start) + laterMs;
      const value = valueAt(timetable, fromMs);
      const next = nextChange(timetable, fromMs);
      let atMs = Math.floor(fromMs / MINUTE_MS + 1) * MINUTE_MS;
      const endMs = fromMs + 2 * DAY_MS;
      while (atMs < endMs && valueAt(timetable, atMs) === value) atMs += MINUTE_MS;
      if (atMs < endMs) expect(next).toEqual({ atMs, value: valueAt(timetable, atMs) });
      else expect(next?.atMs ?? endMs).toBeGreaterThanOrEqual(endMs);
    }),
    { numRuns: 50 },
  );
});

test.each([
  ['', '"" must be a small letter'],
  ['A', '"A" must be a small letter'],
  ['08:00-20:00=', '"" must be a small letter'],
  ['08:00-20:00=a,', '"" must be like 08:00-20:00=VALUE'],
  ['08:00-20:00=a,else', '"else" must be like'],
  ['08:00-20:00=a,b', '"b" must be like'],
  ['=a', '"=a" must be like'],
  ['8-20=a', '"8-20=a" must be like'],
  ['08:00=a', '"08:00=a" must be like'],
  ['08:00-20:00 mon=a', '"08:00-20:00 mon=a" must be like'],
  ['mon tue 08:00-20:00=a', 'must be like'],
  ['mon tue=a', 'must be like'],
  ['mon-=a', 'must be like'],
  ['mo-fr 08:00-20:00=a', 'must be like'],
  ['mon-tue-wed=a', 'must be like'],
  ['08:60-20:00=a', 'must have times from 00:00 to 24:00'],
  ['24:00-20:00=a', 'must have times from 00:00 to 24:00'],
  ['08:00-24:01=a', 'must have times from 00:00 to 24:00'],
  ['08:00-08:00=a', '"08:00-08:00=a" ends when it begins; a whole day is 00:00-24:00'],
  ['else=a,08:00-20:00=b,else=c', '"else" is in it more than once'],
])('%j is refused', (text, words) => {
  expect(() => parse(text)).toThrow(
    expect.objectContaining({ code: 'INVALID_LIMIT', message: expect.stringContaining(words) }),
  );
});
