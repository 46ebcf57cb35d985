import { expect, it } from 'vitest';
import { cosPartSize, objectSizeProblem } from '../../../../src/backend/api3/part-size.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;

it.each([
  [1, undefined, 0, 8 * MIB],
  [78 * GIB, undefined, 0, 8 * MIB],
  [79 * GIB, undefined, 0, 9 * MIB],
  [10 * TIB, undefined, 0, 1049 * MIB],
  [GIB, MIB, 0, MIB],
  [GIB, 524_288, 0, MIB],
  [20 * GIB, MIB, 0, 3 * MIB],
  [GIB, 5 * GIB, 0, 5 * GIB],
  [GIB, undefined, 1, 16 * MIB],
  [GIB, undefined, 3, 64 * MIB],
  [GIB, undefined, 60, 5 * GIB],
])(
  'a file of %d bytes, %s requested, after %d expired sessions has parts of %d',
  (size, requested, expiredSessions, expected) => {
    const partSize = cosPartSize(size, { expiredSessions, ...(requested !== undefined && { requested }) });
    expect(partSize).toBe(expected);
    expect(Math.ceil(size / partSize)).toBeLessThanOrEqual(10_000);
  },
);

it('has a maximum size of files', () => {
  expect(objectSizeProblem(10_000 * 5 * GIB)).toBeUndefined();
  expect(objectSizeProblem(10_000 * 5 * GIB + 1)).toBe(
    '48.8 TiB are more than the 48.8 TiB that COS stores as one object',
  );
});
