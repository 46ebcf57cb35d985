import { expect, it } from 'vitest';
import { toListQuery } from '../../../src/client/list-options.ts';

it('applies the defaults', () => {
  expect(toListQuery({})).toEqual({ limit: 50, offset: 0, order: 'newest' });
});

it('names every invalid option', () => {
  expect(() => toListQuery({ state: 'x' as never, limit: 1001, offset: -1 })).toThrow(
    /state must be one of queued, .*; limit must be from 1 to 1000; offset must be a whole number from 0$/,
  );
});
