import { describe, expect, test } from 'vitest';
import { BYTE_RATE, limitInForce, parseLimit, SLOT_BOUNDS } from '../../../src/limits/limits.ts';
import { parseStored } from '../../../src/limits/stored-limits.ts';

const UNLIMITED = Number.POSITIVE_INFINITY;

test.each([
  ['65536', 65_536, '64.0 KiB/s'],
  ['64k', 65_536, '64.0 KiB/s'],
  ['512KiB', 524_288, '512.0 KiB/s'],
  ['20M', 20_971_520, '20.0 MiB/s'],
  ['1.5 G', 1_610_612_736, '1.5 GiB/s'],
  ['Unlimited', UNLIMITED, 'unlimited'],
])('the rate %s', (text, rate, formatted) => {
  expect(BYTE_RATE.parse(text)).toBe(rate);
  expect(BYTE_RATE.format(rate)).toBe(formatted);
});

test.each(['', '0', '65535', '63K', '-1M', '20T', '20MB', '20M/s', '1e9', 'M', 'none', '1.2345M'])(
  'no rate: %j',
  (text) => {
    expect(BYTE_RATE.parse(text)).toBeUndefined();
  },
);

test('part slots', () => {
  expect(SLOT_BOUNDS.parse('8')).toEqual({ min: 8, max: 8 });
  expect(SLOT_BOUNDS.parse('4-512')).toEqual({ min: 4, max: 512 });
  expect([SLOT_BOUNDS.format({ min: 8, max: 8 }), SLOT_BOUNDS.format({ min: 4, max: 512 })]).toEqual([
    '8',
    '4-512',
  ]);
  for (const wrong of ['', '0', '513', '8-4', '4-', '4-8-16', 'unlimited', '4 - 8'])
    expect(SLOT_BOUNDS.parse(wrong), wrong).toBeUndefined();
});

test.each([
  ['max-bytes-per-second', '20X', 'UTC', 'max-bytes-per-second: "20X" must be bytes per second such as 20M'],
  ['part-slots', '08:00-20:00=20M', 'UTC', 'part-slots: "20M" must be a whole number from 1 to 512'],
  ['part-slots', '8', 'Berlin', 'part-slots: there is no time zone "Berlin"'],
] as const)('%s cannot be %s in %s', (name, text, timeZone, words) => {
  expect(() => parseLimit(name, { text, timeZone })).toThrow(
    expect.objectContaining({ code: 'INVALID_LIMIT', message: expect.stringContaining(words) }),
  );
});

describe('a limit in force', () => {
  const NOON = Date.parse('2026-07-01T12:00Z');
  const limit = (text: string, timeZone = 'UTC') => parseLimit('part-slots', { text, timeZone });
  const variable = { min: 1, max: 8 };

  test('is the variable while nothing is set', () => {
    expect(limitInForce(undefined, variable, NOON)).toEqual({ value: variable, source: 'variable' });
  });

  test('is what is set', () => {
    expect(limitInForce(limit('4'), variable, NOON)).toEqual({ value: { min: 4, max: 4 }, source: 'redis' });
  });

  test('is the variable outside of the ranges of a timetable', () => {
    const set = limit('08:00-20:00=4', 'Asia/Shanghai');
    expect(limitInForce(set, variable, NOON)).toEqual({
      value: variable,
      source: 'variable',
      next: { value: { min: 4, max: 4 }, source: 'redis', atMs: Date.parse('2026-07-02T00:00Z') },
    });
    expect(limitInForce(set, variable, NOON - 3_600_000)).toEqual({
      value: { min: 4, max: 4 },
      source: 'redis',
      next: { value: variable, source: 'variable', atMs: NOON },
    });
  });
});

test('what another version has set is ignored', () => {
  const { limits, ignored } = parseStored({
    'part-slots': '{"value":"4-8","timeZone":"UTC","by":"someone"}',
    'max-bytes-per-second': '{"value":"5 parsecs","timeZone":"UTC"}',
    'max-process-bytes-per-second': '{"value":7}',
    'hash-threads': '{"value":"4","timeZone":"UTC"}',
    constructor: 'x',
  });
  expect(limits['part-slots']).toMatchObject({ text: '4-8', timeZone: 'UTC' });
  expect(Object.keys(limits)).toEqual(['part-slots']);
  expect(ignored).toEqual([
    {
      limit: 'max-bytes-per-second',
      reason: expect.stringContaining('"5 parsecs" must be bytes per second'),
    },
    { limit: 'max-process-bytes-per-second', reason: expect.stringContaining('expected string') },
    {
      limit: 'hash-threads',
      reason: expect.stringContaining('there is no such limit; there are max-bytes-per'),
    },
    { limit: 'constructor', reason: expect.stringContaining('there is no such limit') },
  ]);
});
