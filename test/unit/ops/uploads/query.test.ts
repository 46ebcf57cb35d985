import { describe, expect, it } from 'vitest';
import { listQueryString, parseListQuery } from '../../../../src/ops/uploads/query.ts';

const parse = (text: string) => parseListQuery(new URLSearchParams(text));

describe('the address of the table', () => {
  it.each(['', '?state=failed', '?search=a+%26+b&page=3', '?state=queued&search=x&page=2'])(
    'is the same after it was read: %j',
    (text) => {
      expect(listQueryString(parse(text))).toBe(text);
    },
  );

  it.each([
    '?state=broken',
    '?page=0',
    '?page=-1',
    '?page=1.5',
    '?page=x',
    '?page=1e99',
    '?search=++',
    '?more=1',
  ])('has no sense that is left out: %j', (text) => {
    expect(listQueryString(parse(text))).toBe('');
  });
});
