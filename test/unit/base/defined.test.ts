import { expect, test } from 'vitest';
import { defined } from '../../../src/base/defined.ts';

test('defined drops undefined, and keeps null, 0 and the empty string', () => {
  const key = undefined as string | undefined;
  const made: { a: null; b: number; c: string; key?: string } = defined({ key, a: null, b: 0, c: '' });
  expect(Object.keys(made)).toEqual(['a', 'b', 'c']);
});
