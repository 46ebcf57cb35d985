/** The indices from `first` to `last`, inclusive. Lists of ranges are ascending, without overlaps. */
export type IndexRange = readonly [first: number, last: number];

/** The ranges of these indices, which may be in any order and contain duplicates. */
export function rangesOf(indices: Iterable<number>): IndexRange[] {
  const ranges: [number, number][] = [];
  for (const index of [...indices].sort((a, b) => a - b)) {
    const previous = ranges.at(-1);
    if (previous === undefined || index > previous[1] + 1) ranges.push([index, index]);
    else previous[1] = Math.max(previous[1], index);
  }
  return ranges;
}

/** The indices that are in `some` or in `others`. Takes time in proportion to the number of ranges. */
export function union(some: readonly IndexRange[], others: readonly IndexRange[]): IndexRange[] {
  const ranges: [number, number][] = [];
  let [next, nextOther] = [0, 0];
  while (next < some.length || nextOther < others.length) {
    const [range, other] = [some[next], others[nextOther]];
    const takesOther = range === undefined || (other !== undefined && other[0] < range[0]);
    const [first, last] = (takesOther ? others[nextOther++] : some[next++]) as IndexRange;
    const previous = ranges.at(-1);
    if (previous === undefined || first > previous[1] + 1) ranges.push([first, last]);
    else previous[1] = Math.max(previous[1], last);
  }
  return ranges;
}

/** The indices that are in `some` and not in `others`. Takes time in proportion to the number of ranges. */
export function difference(some: readonly IndexRange[], others: readonly IndexRange[]): IndexRange[] {
  const ranges: IndexRange[] = [];
  let nextOther = 0;
  for (const [first, last] of some) {
    let from = first;
    for (; nextOther < others.length; nextOther++) {
      const [otherFirst, otherLast] = others[nextOther] as IndexRange;
      if (otherFirst > last) break;
      if (otherFirst > from) ranges.push([from, otherFirst - 1]);
      from = Math.max(from, otherLast + 1);
      // This range of the others may go on into the next one.
      if (otherLast > last) break;
    }
    if (from <= last) ranges.push([from, last]);
  }
  return ranges;
}

/** The number of indices in the ranges. */
export function countIndices(ranges: readonly IndexRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** All indices of the ranges, in order. */
export function* indicesOf(ranges: readonly IndexRange[]): Generator<number, void, undefined> {
  for (const [first, last] of ranges) {
    for (let index = first; index <= last; index++) yield index;
  }
}

/** The ranges as job data has them. */
export function asArrays(ranges: readonly IndexRange[]): [number, number][] {
  return ranges.map(([first, last]) => [first, last]);
}
