import { expect, test } from 'vitest';
import { printable, printableJson, printableLines } from '../../../src/base/printable.ts';
import { cleanText } from '../../../src/vod/wire/redact.ts';

test('printable replaces control characters', () => {
  expect(printable('a\u001b[2Jb\nc\u009bd')).toBe('a?[2Jb?c?d');
});

const DISGUISING = [
  ...['\u061c', '\u200e', '\u200f', '\u202a', '\u202b', '\u202c', '\u202d', '\u202e'],
  ...['\u2066', '\u2067', '\u2068', '\u2069', '\u2028', '\u2029', '\u200b', '\ufeff'],
];

test.each(DISGUISING.map((character) => [`U+${character.charCodeAt(0).toString(16)}`, character]))(
  '%s, which can disguise a name, is replaced or escaped, and removed from replies of VOD',
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

test('printable keeps accents and the joiners of letters and emoji', () => {
  const text = 'e\u0301 می\u200cخواهم 👩\u200d👩\u200d👧 क\u094dष 视频';
  expect(printable(text)).toBe(text);
});
