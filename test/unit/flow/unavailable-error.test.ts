import { expect, it } from 'vitest';
import type { Refusal } from '../../../src/flow/source-refusals.ts';
import { unavailableError } from '../../../src/flow/unavailable-error.ts';

const refusal = (host: string, code: Refusal['code'], roots = '/srv/a'): Refusal => ({
  ...{ host, pid: 7, roots, code },
});

it('names all workers and their roots, and has the most specific code', () => {
  const refusals = [
    refusal('a', 'SOURCE_OUTSIDE_ROOTS', '/srv/a:/srv/b'),
    refusal('b', 'SOURCE_NOT_FOUND', '/srv'),
    refusal('c', 'SOURCE_PERMISSION', '/srv'),
  ];
  const { code, message, retryable } = unavailableError('/srv/x.mp4', refusals, 61_000);
  expect({ code, retryable }).toEqual({ code: 'SOURCE_PERMISSION', retryable: false });
  expect(message).toBe(
    "/srv/x.mp4 can't be read by any worker that has looked, for 1 min: " +
      'a, pid 7 (SOURCE_ROOTS=/srv/a:/srv/b): it is outside of them; ' +
      'b, pid 7 (SOURCE_ROOTS=/srv): it does not exist; c, pid 7 (SOURCE_ROOTS=/srv): its user may not read it; ' +
      'check the path, and the mount and SOURCE_ROOTS of these workers, and retry the upload',
  );
});

it('names workers without roots', () => {
  const { message } = unavailableError('the cover /srv/x.jpg', [refusal('a', 'SOURCE_OUTSIDE_ROOTS', '')], 0);
  expect(message).toBe(
    "the cover /srv/x.jpg can't be read by any worker that has looked: a, pid 7: it has no SOURCE_ROOTS; " +
      'check the path, and the mount and SOURCE_ROOTS of these workers, and retry the upload',
  );
});

it('names at most eight workers', () => {
  const many = Array.from({ length: 100 }, (_, index) => refusal(`host-${index}`, 'SOURCE_NOT_FOUND'));
  const { message } = unavailableError('/srv/x.mp4', many, 0);
  expect(message).toContain('host-7, pid 7');
  expect(message).not.toContain('host-8, pid 7');
  expect(message).toContain('; and 92 more; ');
  expect(message).toContain('that has looked: host-0');
});
