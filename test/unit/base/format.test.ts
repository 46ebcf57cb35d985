import { expect, test } from 'vitest';
import { formatFields, padded, truncated } from '../../../src/base/columns.ts';
import {
  formatBytes,
  formatBytesOf,
  formatClock,
  formatDuration,
  formatSpan,
} from '../../../src/base/format.ts';
import { printable, printableJson, printableLines } from '../../../src/base/printable.ts';
import { cleanText } from '../../../src/vod/wire/redact.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1.0 KiB'],
  [25_165_824, '24.0 MiB'],
  [2 ** 40 * 3, '3.0 TiB'],
  [2 ** 50 * 3, '3072.0 TiB'],
])('%i is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test('a part of something is in the unit of the whole', () => {
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

test('a clock never runs below zero', () => expect(formatClock(-5)).toBe('0:00'));

test('control characters never reach the terminal', () => {
  expect(printable('a\u001b[2Jb\nc\u009bd')).toBe('a?[2Jb?c?d');
});

const DECEIVING = [
  ...['\u061c', '\u200e', '\u200f', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e'],
  ...['\u2066', '\u2067', '\u2068', '\u2069', '\u2028', '\u2029', '\u200b', '\ufeff'],
];

test.each(DECEIVING.map((character) => [`U+${character.charCodeAt(0).toString(16)}`, character]))(
  'nor does %s, which has a name look like another, and a reply of VOD loses it',
  (_, character) => {
    const name = `holiday${character}gpj.exe`;
    expect(printable(name)).toBe('holiday?gpj.exe');
    expect(printableLines(`${name}\nb`)).toBe('holiday?gpj.exe\nb');
    expect(cleanText(name, 100)).toMatch(/^holiday ?gpj\.exe$/);
    const json = printableJson(`${JSON.stringify({ name })}\n`);
    expect(json).not.toContain(character);
    expect(json.endsWith('}\n')).toBe(true);
    expect(JSON.parse(json)).toEqual({ name });
  },
);

test('what letters are made of stays: accents, and what joins them and emoji', () => {
  const text = 'e\u0301 می\u200cخواهم 👩\u200d👩\u200d👧 क\u094dष 视频';
  expect(printable(text)).toBe(text);
});

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

test.each([
  ['abc', 3, 'abc'],
  ['abcd', 3, 'ab…'],
  ['🎬🎬🎬🎬', 8, '🎬🎬🎬🎬'],
  ['🎬🎬🎬🎬', 7, '🎬🎬🎬…'],
  ['🎬🎬🎬🎬', 6, '🎬🎬…'],
  ['视频课程.mp4', 9, '视频课程…'],
  ['👩‍👩‍👧👩‍👩‍👧', 3, '👩‍👩‍👧…'],
  ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
  ['abc', 1, '…'],
  ['abc', 0, ''],
])('shortened cuts %j to %i columns between characters: %j', (text, columns, short) => {
  expect(truncated(text, columns)).toBe(short);
});

test('padded fills up by columns', () => {
  expect(['视频', 'e\u0301', 'abcdef'].map((text) => padded(text, 5))).toEqual([
    '视频 ',
    'e\u0301    ',
    'abcdef',
  ]);
});

test('fields leaves out what is not there and aligns the rest', () => {
  expect(
    formatFields(
      [
        ['a', '1'],
        ['bb', undefined],
        ['ccc', '3'],
      ],
      ' ',
    ),
  ).toBe(' a    1\n ccc  3\n');
});
