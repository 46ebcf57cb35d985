import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countIndices,
  difference,
  type IndexRange,
  indicesOf,
  rangesOf,
  union,
} from '../../../src/upload/ranges.ts';
import { countReads } from '../../support/count-reads.ts';

const indices = fc.array(fc.nat(60));
const sorted = (some: Iterable<number>): number[] => [...new Set(some)].sort((a, b) => a - b);

describe('ranges', () => {
  it('have the indices they are made of, without overlaps', () => {
    fc.assert(
      fc.property(indices, (some) => {
        const ranges = rangesOf(some);
        expect([...indicesOf(ranges)]).toEqual(sorted(some));
        expect(countIndices(ranges)).toBe(new Set(some).size);
        expect(ranges.length).toBe(sorted(some).filter((index) => !some.includes(index - 1)).length);
      }),
    );
  });

  it('are united and subtracted as sets', () => {
    fc.assert(
      fc.property(indices, indices, (some, others) => {
        const [left, right] = [rangesOf(some), rangesOf(others)];
        expect(union(left, right)).toEqual(rangesOf([...some, ...others]));
        const kept = some.filter((index) => !others.includes(index));
        expect([...indicesOf(difference(left, right))]).toEqual(sorted(kept));
      }),
    );
  });

  it('are united and subtracted in time proportional to their number', () => {
    const reads = (count: number): number => {
      const even = Array.from({ length: count }, (_, index): IndexRange => [4 * index, 4 * index]);
      const odd = Array.from({ length: count }, (_, index): IndexRange => [4 * index + 2, 4 * index + 2]);
      const [some, others] = [countReads(even), countReads(odd)];
      expect(union(some.array, others.array).length).toBe(2 * count);
      expect(difference(some.array, others.array).length).toBe(count);
      return some.reads() + others.reads();
    };
    expect(reads(100_000)).toBeLessThan(10 * 100_000);
  });
});
