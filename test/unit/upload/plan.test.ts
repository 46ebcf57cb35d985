import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  listedParts,
  MAX_PARTS,
  missingRanges,
  partAt,
  partCount,
  tooManyParts,
} from '../../../src/upload/plan.ts';
import { countIndices, type IndexRange, indicesOf } from '../../../src/upload/ranges.ts';
import { PART_SIZES, type PartSize, type ReceivedPart } from '../../../src/vod/wire/protocol.ts';

const HALF = 524288;
const FULL = 1048576;
/** With parts of this size. */
const LARGEST = MAX_PARTS * FULL;
const HUGE_PARTS = 2 ** 18;
/** With this many parts of 512 KiB. */
const HUGE = HUGE_PARTS * HALF;

const partSizes = fc.constantFrom<PartSize>(...PART_SIZES);
/** Sizes around multiples of the part sizes, and any others, up to 40 MiB. */
const fileSizes = fc.oneof(
  fc.integer({ min: 1, max: 40 * FULL }),
  fc
    .tuple(fc.integer({ min: 1, max: 80 }), fc.constantFrom(-1, 0, 1))
    .map(([halves, off]) => halves * HALF + off),
);

/** Entries of a plan with either part size, and entries that fit no plan. */
function receivedOf(fileSize: number): fc.Arbitrary<ReceivedPart[]> {
  const planned = partSizes.chain((partSize) =>
    fc.integer({ min: 0, max: partCount(fileSize, partSize) - 1 }).map((index) => ({
      offset: index * partSize,
      dataSize: Math.min(partSize, fileSize - index * partSize),
    })),
  );
  const odd = fc.constantFrom(
    0,
    1,
    -1,
    0.5,
    HALF,
    FULL,
    -FULL,
    fileSize,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  );
  const garbage = fc
    .tuple(planned, odd, odd)
    .map(([part, a, b]) => ({ offset: part.offset + a, dataSize: part.dataSize + b }));
  return fc.array(fc.oneof(planned, planned, garbage), { maxLength: 120 });
}

const cases = fileSizes.chain((fileSize) =>
  fc.record({ fileSize: fc.constant(fileSize), partSize: partSizes, received: receivedOf(fileSize) }),
);

describe('the plan', () => {
  test('covers the file exactly once, in multiples of the part size', () => {
    fc.assert(
      fc.property(fileSizes, partSizes, (fileSize, partSize) => {
        let end = 0;
        for (let index = 0; index < partCount(fileSize, partSize); index++) {
          const part = partAt(fileSize, partSize, index);
          expect(part).toEqual({ index, offset: end, dataSize: part.dataSize });
          expect(part.offset % partSize).toBe(0);
          expect(part.dataSize).toBeGreaterThan(0);
          expect(part.dataSize).toBeLessThanOrEqual(partSize);
          end += part.dataSize;
        }
        expect(end).toBe(fileSize);
      }),
    );
  });

  test('has full parts except the last one', () => {
    expect(partCount(6_000_000, FULL)).toBe(6);
    expect(partAt(6_000_000, FULL, 4)).toEqual({ index: 4, offset: 4194304, dataSize: FULL });
    expect(partAt(6_000_000, FULL, 5)).toEqual({ index: 5, offset: 5242880, dataSize: 757_120 });
    expect(partCount(2 * FULL, FULL)).toBe(2);
    expect(partAt(2 * FULL, FULL, 1).dataSize).toBe(FULL);
    expect(partCount(1, HALF)).toBe(1);
    expect(partAt(1, HALF, 0)).toEqual({ index: 0, offset: 0, dataSize: 1 });
  });

  test('is exact for huge files', () => {
    expect(partCount(HUGE - 1, HALF)).toBe(HUGE_PARTS);
    expect(partAt(HUGE - 1, HALF, HUGE_PARTS - 1)).toEqual({
      index: HUGE_PARTS - 1,
      offset: HUGE - HALF,
      dataSize: HALF - 1,
    });
    expect(partCount(HUGE + 1, HALF)).toBe(HUGE_PARTS + 1);
    expect(partAt(HUGE + 1, HALF, HUGE_PARTS).dataSize).toBe(1);
  });

  test('has a maximum: more parts are refused, with the largest possible size', () => {
    expect(partCount(LARGEST, FULL)).toBe(MAX_PARTS);
    expect(tooManyParts(LARGEST, FULL)).toBeUndefined();
    expect(tooManyParts(LARGEST + 1, FULL)).toBe(
      '488.3 GiB are 500001 parts of 1.0 MiB, more than 500000: 488.3 GiB can be uploaded at most',
    );
    expect(() => partCount(LARGEST, HALF)).toThrow(expect.objectContaining({ code: 'TOO_MANY_PARTS' }));
  });

  test('refuses invalid sizes and indices', () => {
    for (const size of [0, -1, 1.5, Number.NaN, 2 ** 53])
      expect(() => partCount(size, HALF)).toThrow(RangeError);
    for (const index of [-1, 2, 0.5, Number.NaN]) expect(() => partAt(FULL, HALF, index)).toThrow(RangeError);
  });
});

describe('missingRanges', () => {
  test('and the received parts make up the whole plan, without overlap', () => {
    fc.assert(
      fc.property(cases, ({ fileSize, partSize, received }) => {
        const missing = new Set(indicesOf(missingRanges({ fileSize, partSize, received })));
        for (let index = 0; index < partCount(fileSize, partSize); index++) {
          const { offset, dataSize } = partAt(fileSize, partSize, index);
          const there = received.some((part) => part.offset === offset && part.dataSize === dataSize);
          expect(missing.delete(index)).toBe(!there);
        }
        expect(missing.size).toBe(0);
      }),
    );
  });

  test('is ascending and as short as possible', () => {
    fc.assert(
      fc.property(cases, ({ fileSize, partSize, received }) => {
        const ranges = missingRanges({ fileSize, partSize, received });
        for (const [i, [first, last]] of ranges.entries()) {
          expect(first).toBeLessThanOrEqual(last);
          expect(first).toBeGreaterThan((ranges[i - 1]?.[1] ?? -2) + 1);
        }
      }),
    );
  });

  test('does not depend on the order of entries or on duplicates', () => {
    fc.assert(
      fc.property(cases, ({ fileSize, partSize, received }) => {
        const again = [...received, ...received].reverse();
        expect(missingRanges({ fileSize, partSize, received: again })).toEqual(
          missingRanges({ fileSize, partSize, received }),
        );
      }),
    );
  });

  test.each<[string, ReceivedPart[], IndexRange[]]>([
    ['nothing received', [], [[0, 5]]],
    ['first and last', [part(0, FULL), part(5 * FULL, 757_120)], [[1, 4]]],
    [
      'one in the middle',
      [part(2 * FULL, FULL)],
      [
        [0, 1],
        [3, 5],
      ],
    ],
    ['a last part of full size', [part(5 * FULL, FULL)], [[0, 5]]],
    ['an offset between parts', [part(HALF, FULL)], [[0, 5]]],
    ['half a part', [part(0, HALF)], [[0, 5]]],
    ['beyond the file', [part(6 * FULL, FULL), part(600 * FULL, FULL)], [[0, 5]]],
    ['before the file', [part(-FULL, FULL)], [[0, 5]]],
    ['everything in one entry', [part(0, 6_000_000)], [[0, 5]]],
    ['all', [0, 1, 2, 3, 4, 5].map((i) => part(i * FULL, Math.min(FULL, 6_000_000 - i * FULL))), []],
  ])('%s', (_, received, missing) => {
    expect(missingRanges({ fileSize: 6_000_000, partSize: FULL, received })).toEqual(missing);
  });

  test('takes time by the number of entries, not by the size of the file', () => {
    const last = HUGE_PARTS / 2 - 1;
    // So often that visiting each part would never end.
    const lengths = Array.from({ length: 5000 }, (_, i) => {
      const received = [part((last - i) * FULL, FULL)];
      return missingRanges({ fileSize: HUGE, partSize: FULL, received }).length;
    });
    expect(lengths).toEqual([1, ...Array(4999).fill(2)]);
    expect(partCount(HUGE, FULL)).toBe(last + 1);
  });
});

describe('listedParts', () => {
  const listed = (offset: number, dataMd5?: string): ReceivedPart =>
    dataMd5 === undefined ? part(offset, HALF) : { ...part(offset, HALF), dataMd5 };

  test('are those with one MD5, in file order', () => {
    const received = [listed(3 * HALF, 'd'), listed(0, 'a'), listed(0, 'a'), listed(HALF), part(7, 3)];
    expect(listedParts({ fileSize: 10 * HALF, partSize: HALF, received })).toEqual([
      { index: 0, dataMd5: 'a' },
      { index: 3, dataMd5: 'd' },
    ]);
  });

  test('exclude parts with two MD5s or another size', () => {
    const received = [listed(0, 'a'), listed(0, 'b'), { ...part(HALF, FULL), dataMd5: 'c' }];
    expect(listedParts({ fileSize: 10 * HALF, partSize: HALF, received })).toEqual([]);
  });
});

describe('ranges', () => {
  test('are counted in indices and bytes', () => {
    fc.assert(
      fc.property(cases, ({ fileSize, partSize, received }) => {
        const ranges = missingRanges({ fileSize, partSize, received });
        const indices = [...indicesOf(ranges)];
        expect(countIndices(ranges)).toBe(indices.length);
        const bytes = indices.reduce((sum, index) => sum + partAt(fileSize, partSize, index).dataSize, 0);
        expect(bytesOf(ranges, fileSize, partSize)).toBe(bytes);
      }),
    );
  });

  test('of huge files are counted without visiting each index', () => {
    const ranges: IndexRange[] = [
      [0, 9],
      [20, HUGE_PARTS - 1],
    ];
    const counts = Array.from({ length: 5000 }, () => [
      countIndices(ranges),
      bytesOf(ranges, HUGE - 1, HALF),
    ]);
    expect(new Set(counts.flat())).toEqual(new Set([HUGE_PARTS - 10, HUGE - 1 - 10 * HALF]));
    const indices = indicesOf(ranges);
    expect(Array.from({ length: 12 }, () => indices.next().value)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21,
    ]);
  });

  test('that exceed the plan are refused', () => {
    expect(() => bytesOf([[0, 6]], 6_000_000, FULL)).toThrow(RangeError);
    expect(bytesOf([], 6_000_000, FULL)).toBe(0);
  });
});

function part(offset: number, dataSize: number): ReceivedPart {
  return { offset, dataSize };
}
