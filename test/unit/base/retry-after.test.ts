import { describe, expect, test } from 'vitest';
import { httpDateMs, retryAfterMs } from '../../../src/base/retry-after.ts';

const HOUR_MS = 3_600_000;

describe('Retry-After', () => {
  test.each([
    ['7', 7000],
    [' 7 ', 7000],
    ['0', 0],
    ['86400', HOUR_MS],
    ['Thu, 01 Jan 1970 00:01:00 GMT', 30_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Fri, 01 Jan 2100 00:00:00 GMT', HOUR_MS],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (value, expected) => {
    expect(retryAfterMs({ 'retry-after': value }, { nowMs: 30_000, maxMs: HOUR_MS })).toBe(expected);
  });

  test('a date counts from the Date of the response, not from this machine’s clock', () => {
    const headers = {
      date: 'Wed, 02 Jan 2030 03:04:05 GMT',
      'retry-after': 'Wed, 02 Jan 2030 03:04:45 GMT',
    };
    for (const nowMs of [0, Date.UTC(2040, 0, 1)]) {
      expect(retryAfterMs(headers, { nowMs, maxMs: HOUR_MS })).toBe(40_000);
    }
  });
});

test.each([
  ['Thu, 01 Jan 1970 00:01:00 GMT', 60_000],
  ['Thursday, 01-Jan-70 00:01:00 GMT', 60_000],
  ['60', undefined],
  ['Never, ever', undefined],
  [undefined, undefined],
])('httpDateMs: %s', (value, expected) => {
  expect(httpDateMs(value)).toBe(expected);
});
