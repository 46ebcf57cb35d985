import { expect, test } from 'vitest';
import {
  formatBytes,
  formatBytesOf,
  formatClock,
  formatDuration,
  formatSpan,
} from '../../../src/base/format.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1.0 KiB'],
  [25_165_824, '24.0 MiB'],
  [2 ** 40 * 3, '3.0 TiB'],
  [2 ** 50 * 3, '3072.0 TiB'],
])('%i is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test('formatBytesOf uses the unit of the whole for both', () => {
  expect(formatBytesOf(512 * 1024, 2 ** 21)).toBe('0.5 of 2.0 MiB');
  expect(formatBytesOf(3, 100)).toBe('3 of 100 bytes');
});

test.each([
  [80, '0.08 s'],
  [994, '0.99 s'],
  [999, '1.0 s'],
  [4200, '4.2 s'],
  [9960, '10 s'],
  [59_400, '59 s'],
  [59_600, '1:00'],
  [3_787_000, '1:03:07'],
])('%i ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

test('formatClock never shows a negative time', () => expect(formatClock(-5)).toBe('0:00'));

test.each([
  [0, '0 s'],
  [45_400, '45 s'],
  [59_600, '1 min'],
  [12 * 60_000, '12 min'],
  [3_600_000, '1 h'],
  [3 * 3_600_000 + 120_000, '3 h 2 min'],
  [47 * 3_600_000, '47 h'],
  [48 * 3_600_000, '2 d'],
  [124 * 3_600_000, '5 d 4 h'],
])('formatSpan(%i) is %s', (ms, text) => {
  expect(formatSpan(ms)).toBe(text);
});
