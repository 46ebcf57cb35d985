import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bindingPartSize } from '../../../src/backend/v2-part-size.ts';
import { MAX_PARTS, partAt, partCount } from '../../../src/upload/plan.ts';
import { PART_SIZES, type PartSize, type ReceivedPart } from '../../../src/vod/wire/protocol.ts';

const HALF = 524288;
const FULL = 1048576;
const LARGEST = MAX_PARTS * FULL;

const partSizes = fc.constantFrom<PartSize>(...PART_SIZES);
/** Sizes around multiples of the part sizes, and any others, up to 40 MiB. */
const fileSizes = fc.oneof(
  fc.integer({ min: 1, max: 40 * FULL }),
  fc
    .tuple(fc.integer({ min: 1, max: 80 }), fc.constantFrom(-1, 0, 1))
    .map(([halves, off]) => halves * HALF + off),
);

const part = (offset: number, dataSize: number): ReceivedPart => ({ offset, dataSize });

describe('bindingPartSize', () => {
  const bind = (requested: PartSize, received: ReceivedPart[], reported?: PartSize) =>
    bindingPartSize({ fileSize: 6_000_000, requested, reported, received });

  test('is the one that the service reported, if any', () => {
    expect(bind(FULL, [part(0, FULL)], HALF)).toBe(HALF);
    expect(bind(HALF, [], FULL)).toBe(FULL);
  });

  test('is the one that the received parts fit', () => {
    expect(bind(FULL, [part(0, HALF)])).toBe(HALF);
    expect(bind(HALF, [part(FULL, FULL)])).toBe(FULL);
    expect(bind(HALF, [part(5 * FULL, 757_120)])).toBe(FULL);
    expect(bind(FULL, [part(11 * HALF, 6_000_000 - 11 * HALF)])).toBe(HALF);
  });

  test('is the one that most of them fit, duplicates counted once', () => {
    expect(bind(FULL, [part(0, FULL), part(FULL, HALF), part(3 * HALF, HALF)])).toBe(HALF);
    expect(bind(HALF, [part(0, HALF), part(0, HALF), part(FULL, FULL), part(0, FULL)])).toBe(FULL);
  });

  test.each(PART_SIZES)('is the requested one (%i) when they do not tell', (requested) => {
    expect(bind(requested, [])).toBe(requested);
    expect(bind(requested, [part(0, FULL), part(FULL, HALF)])).toBe(requested);
    expect(bind(requested, [part(3, 5), part(-HALF, HALF), part(0, 0)])).toBe(requested);
    const small = { fileSize: 1000, requested, received: [part(0, 1000)] };
    expect(bindingPartSize(small)).toBe(requested);
  });

  test('is the larger one for a file that has too many of the smaller', () => {
    const largest = { fileSize: LARGEST, requested: FULL as PartSize };
    expect(bindingPartSize({ ...largest, received: [] })).toBe(FULL);
    expect(bindingPartSize({ ...largest, received: [part(0, FULL), part(HALF, HALF)] })).toBe(FULL);
  });

  test('is found from any full part that is not the last one', () => {
    fc.assert(
      fc.property(fileSizes, partSizes, partSizes, fc.nat(), (fileSize, requested, partSize, n) => {
        fc.pre(fileSize > partSize);
        const { offset, dataSize } = partAt(fileSize, partSize, n % (partCount(fileSize, partSize) - 1));
        fc.pre(offset + FULL < fileSize);
        expect(bindingPartSize({ fileSize, requested, received: [{ offset, dataSize }] })).toBe(partSize);
      }),
    );
  });
});
