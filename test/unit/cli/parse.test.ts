import { InvalidArgumentError } from 'commander';
import { describe, expect, test } from 'vitest';
import {
  collect,
  parseDuration,
  parseExpiry,
  parsePartSize,
  parsePort,
  parseWholeNumber,
} from '../../../src/cli/parse.ts';
import { parseQuota } from '../../../src/cli/parse-emulator.ts';

describe('parseDuration', () => {
  test.each([
    ['500ms', 500],
    ['0', 0],
    ['10', 10_000],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1.5h', 5_400_000],
    ['0.0004s', 0],
    ['1d', 86_400_000],
  ])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  test.each(['', 's', '-5s', '5 s', '5x', '1e3', '1:00', '.5s', 'Infinity', '99999999999999999999d'])(
    'refuses %j and says what it takes',
    (text) => {
      expect(() => parseDuration(text)).toThrow(InvalidArgumentError);
      expect(() => parseDuration(text)).toThrow(/10s, 5m or 2h/);
    },
  );
});

describe('parsePartSize', () => {
  test.each([
    ['512k', 524_288],
    ['512K', 524_288],
    ['512KiB', 524_288],
    ['524288', 524_288],
    ['1m', 1_048_576],
    ['1M', 1_048_576],
    ['1MiB', 1_048_576],
    ['1MB', 1_048_576],
    ['1024k', 1_048_576],
    ['1048576', 1_048_576],
    ['16m', 16_777_216],
    ['5g', 5_368_709_120],
    ['5368709120', 5_368_709_120],
    ['2000000', 2_000_000],
  ])('%s is %i bytes', (text, bytes) => expect(parsePartSize(text)).toBe(bytes));

  test.each(['', '1', '512', '511k', '524287', '6g', '5368709121', 'toString', '1mm', '1.5m', '-1m', 'm'])(
    'refuses %j',
    (text) => {
      expect(() => parsePartSize(text)).toThrow('It must be a size from 512k to 5g, such as 16m');
    },
  );
});

describe('parseExpiry', () => {
  test('a time from now is a date', () => {
    const before = Date.now();
    const expiry = parseExpiry('30d') as Date;
    const monthMs = 30 * 86_400_000;
    expect(expiry.getTime()).toBeGreaterThanOrEqual(before + monthMs);
    expect(expiry.getTime()).toBeLessThanOrEqual(Date.now() + monthMs);
  });

  test('a time in ISO 8601 is checked by add', () => {
    for (const text of ['2031-01-01T00:00:00Z', '2031-01-01T00:00'] as const)
      expect(parseExpiry(text)).toBe(text);
  });

  // A number without a unit might be meant as a year.
  test.each(['', '2031', 'soon', '30', 'd', '100000000d', '2031-01-01'])('refuses %j', (text) => {
    expect(() => parseExpiry(text)).toThrow('such as 12h or 30d, or a time such as 2031-01-01T00:00:00Z');
  });
});

describe('parseQuota', () => {
  test.each([
    ['100,10000,100', { init: 100, part: 10_000, finish: 100 }],
    ['100', { init: 100 }],
    ['part=600', { part: 600 }],
    ['init=100, part=10000,finish=0', { init: 100, part: 10_000, finish: 0 }],
    ['finish=1,init=2', { finish: 1, init: 2 }],
  ])('%s', (text, limits) => expect(parseQuota(text)).toEqual(limits));

  test.each(['', '1,2,3,4,5,6,7', 'init=', 'parts=3', '-1', '1.5', 'init=1,init=2', 'x', '1,init=2'])(
    'refuses %j',
    (text) => expect(() => parseQuota(text)).toThrow(/init,part,finish/),
  );
});

test('parsePort accepts ports only', () => {
  expect([parsePort('0'), parsePort('65535')]).toEqual([0, 65_535]);
  for (const text of ['', '-1', '65536', '80a', '1e3']) expect(() => parsePort(text)).toThrow(/0 to 65535/);
});

test('parseWholeNumber accepts digits only', () => {
  expect(parseWholeNumber('07')).toBe(7);
  for (const text of ['', '-1', '1.5', '1e3', '0x10', '9'.repeat(16)]) {
    expect(() => parseWholeNumber(text)).toThrow(/whole number/);
  }
});

test('collect appends, without changing the previous list', () => {
  const one = collect('a');
  expect(collect('b', one)).toEqual(['a', 'b']);
  expect(one).toEqual(['a']);
});
