import { describe, expect, it } from 'vitest';
import { idOfKey } from '../../../src/queue/names.ts';
import { searchFor } from '../../../src/status/search.ts';

const SHA1 = 'da39a3ee5e6b4b0d3255bfef95601890afd80709';
const UPLOAD = {
  id: 'u0123456789abcdef01234567',
  name: 'Launch "day".mp4',
  data: JSON.stringify({
    schema: 1,
    source: '/srv/videos/2026/Launch "day" Café.mp4',
    key: 'order-42',
    video: { name: 'Launch "day"', tags: ['spring'] },
    hashed: { fileSha: SHA1 },
    nonce: 'n0nce',
  }),
  returnvalue: JSON.stringify({ fileId: '5285890812345678901', url: 'http://vod/x.mp4' }),
};
const finds = (text: string, upload = UPLOAD): boolean => searchFor(text).matches(upload);

describe('searchFor', () => {
  it.each([
    ['part of the file name', 'launch'],
    ['… ignoring case', 'LAUNCH "DAY'],
    ['… ignoring the case of non-ASCII letters', 'cafÉ'],
    ['… with a combining accent', 'Cafe\u0301'],
    ['its extension', '.mp4'],
    ['part of the key', 'ORDER-4'],
    ['part of the path, with a slash', 'videos/2026'],
    ['the id', UPLOAD.id],
    ['the SHA-1', SHA1.toUpperCase()],
    ['the fileId', '5285890812345678901'],
  ])('finds an upload by %s', (_, text) => {
    expect(finds(text)).toBe(true);
  });

  it.each([
    ['a folder, without a slash', 'videos'],
    ['part of an id', UPLOAD.id.slice(0, 8)],
    ['part of a SHA-1', SHA1.slice(0, 12)],
    ['part of a fileId', '528589'],
    ['another name', 'landing'],
    ['other properties', 'n0nce'],
    ['JSON itself', '"key":"'],
    ['tags', 'spring'],
  ])('does not find it by %s', (_, text) => {
    expect(finds(text)).toBe(false);
  });

  it('does not interpret the text as a pattern', () => {
    expect(finds('.*')).toBe(false);
    expect(finds('100%', { ...UPLOAD, name: '100% real.mp4' })).toBe(true);
  });

  it('finds a name with control characters, which JSON escapes', () => {
    const data = JSON.stringify({ source: '/srv/a\tb.mp4' });
    expect(finds('A\tB', { ...UPLOAD, name: '', data })).toBe(true);
  });

  it('does not find or fail on invalid jobs', () => {
    for (const data of [
      '',
      '{"source"',
      'null',
      '"launch"',
      '{"source":{"launch":1}}',
      '{"hashed":"launch"}',
    ])
      expect(finds('launch', { id: 'x', name: '', data, returnvalue: 'launch' })).toBe(false);
  });

  it('returns the ids that match the text as an id and as a key', () => {
    expect(searchFor('order-42').ids).toEqual(['order-42', idOfKey('order-42')]);
  });
});
