import { expect, test } from 'vitest';
import { formatFields, formatTable, padded, truncated } from '../../../src/base/columns.ts';

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
])('truncated cuts %j to %i columns between graphemes: %j', (text, columns, short) => {
  expect(truncated(text, columns)).toBe(short);
});

test('padded counts columns, not characters', () => {
  expect(['视频', 'e\u0301', 'abcdef'].map((text) => padded(text, 5))).toEqual([
    '视频 ',
    'e\u0301    ',
    'abcdef',
  ]);
});

test('formatFields leaves out undefined values and aligns the others', () => {
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

test('formatTable aligns columns, also those that lines lack', () => {
  expect(formatTable([['A', 'B', 'C'], ['视频', '', 'x'], ['y']])).toBe('A     B  C\n视频     x\ny\n');
});
