import { UploaderError } from '../base/errors.ts';
import { formatBytes } from '../base/format.ts';
import { PART_SIZES, type PartSize, type ReceivedPart } from '../vod/wire/protocol.ts';

/**
 * A byte range of a file, sent by one UploadPart.
 * - plan: the parts of a file for one part size, `partCount` of them; computed, never stored.
 * - received: the parts that VOD says it has.
 * - missing: the parts of the plan that are not received.
 */
export interface Part {
  /** Place in the plan, from 0. */
  readonly index: number;
  /** Bytes from the start of the file: `index` × part size. */
  readonly offset: number;
  /** Bytes of this part: the part size, or what is left of the file for the last part. */
  readonly dataSize: number;
}

/** The part indices from `first` to `last`, both included. */
export type IndexRange = readonly [first: number, last: number];

/**
 * The most parts of one file. Each costs about 1 KB of Redis until it is sent, and the account's quota sends 10,000 a
 * minute; numbers beyond this are somebody's invention, or those of a sparse file.
 */
export const MAX_PARTS = 500_000;

/** The largest file that can be uploaded: 488 GiB, with parts of 1 MiB. */
export const MAX_FILE_BYTES = MAX_PARTS * PART_SIZES[1];

/**
 * How many parts a file has.
 * @throws {RangeError} unless `fileSize` is a whole number of bytes ≥ 1
 * @throws {UploaderError} `TOO_MANY_PARTS` when there are more than {@link MAX_PARTS}
 */
export function partCount(fileSize: number, partSize: PartSize): number {
  if (!Number.isSafeInteger(fileSize) || fileSize < 1) {
    throw new RangeError(`A file of ${fileSize} bytes has no parts`);
  }
  const problem = tooManyParts(fileSize, partSize);
  if (problem !== undefined) throw new UploaderError('TOO_MANY_PARTS', problem);
  return Math.ceil(fileSize / partSize);
}

/** What is wrong with a file that has too many parts, in words; undefined when it has not. */
export function tooManyParts(fileSize: number, partSize: PartSize): string | undefined {
  const count = Math.ceil(fileSize / partSize);
  if (count <= MAX_PARTS) return undefined;
  const largest = formatBytes(MAX_PARTS * partSize);
  return `${formatBytes(fileSize)} are ${count} parts of ${formatBytes(partSize)}, more than ${MAX_PARTS}: ${largest} can be uploaded at most`;
}

/** @throws {RangeError} when the file has no part of this index. */
export function partAt(fileSize: number, partSize: PartSize, index: number): Part {
  const count = partCount(fileSize, partSize);
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new RangeError(`Part ${index} is not one of the ${count} parts of the file`);
  }
  const offset = index * partSize;
  return { index, offset, dataSize: Math.min(partSize, fileSize - offset) };
}

/**
 * The part size that binds an upload after InitUpload has answered: the service's own (`reported`), else the one
 * that most of the received parts fit, else the one that was requested.
 */
export function bindingPartSize(args: {
  readonly fileSize: number;
  readonly requested: PartSize;
  readonly reported?: PartSize | undefined;
  readonly received: readonly ReceivedPart[];
}): PartSize {
  if (args.reported !== undefined) return args.reported;
  let best = args.requested;
  let bestFits = receivedIndices({ ...args, partSize: best }).length;
  for (const partSize of PART_SIZES) {
    // No upload of a file that large can have begun with parts that small.
    if (tooManyParts(args.fileSize, partSize) !== undefined) continue;
    const fits = receivedIndices({ ...args, partSize }).length;
    if (fits > bestFits) [best, bestFits] = [partSize, fits];
  }
  return best;
}

/**
 * What VOD lacks, in ascending order. A received part counts, once, when its offset and size are exactly those of
 * a planned part; anything else VOD lists is ignored, since sending a part again is harmless and leaving one out
 * is not. Takes time and memory by the entries of `received`, not by the size of the file.
 */
export function missingRanges(args: {
  readonly fileSize: number;
  readonly partSize: PartSize;
  readonly received: readonly ReceivedPart[];
}): IndexRange[] {
  const count = partCount(args.fileSize, args.partSize);
  const missing: IndexRange[] = [];
  let next = 0;
  for (const index of [...receivedIndices(args), count]) {
    if (index > next) missing.push([next, index - 1]);
    next = index + 1;
  }
  return missing;
}

/** Indices of the planned parts that are received: ascending, each once. */
function receivedIndices(args: {
  readonly fileSize: number;
  readonly partSize: PartSize;
  readonly received: readonly ReceivedPart[];
}): number[] {
  const { fileSize, partSize, received } = args;
  const count = partCount(fileSize, partSize);
  const indices = new Set<number>();
  for (const { offset, dataSize } of received) {
    const index = offset / partSize;
    if (!Number.isInteger(index) || index < 0 || index >= count) continue;
    if (dataSize === partAt(fileSize, partSize, index).dataSize) indices.add(index);
  }
  return [...indices].sort((a, b) => a - b);
}

/**
 * The received parts of the plan whose MD5 VOD lists, in ascending order, each once. One that is listed without an MD5, or
 * with two that differ, is not among them.
 */
export function listedParts(args: {
  readonly fileSize: number;
  readonly partSize: PartSize;
  readonly received: readonly ReceivedPart[];
}): { readonly index: number; readonly dataMd5: string }[] {
  const byIndex = Map.groupBy(args.received, ({ offset }) => offset / args.partSize);
  return receivedIndices(args).flatMap((index) => {
    const md5s = new Set(byIndex.get(index)?.map(({ dataMd5 }) => dataMd5));
    const [dataMd5] = md5s;
    return md5s.size === 1 && dataMd5 !== undefined ? [{ index, dataMd5 }] : [];
  });
}

/** How many indices the ranges hold. */
export function countIndices(ranges: readonly IndexRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** All indices of the ranges, one after another. */
export function* indicesOf(ranges: readonly IndexRange[]): Generator<number, void, undefined> {
  for (const [first, last] of ranges) {
    for (let index = first; index <= last; index++) yield index;
  }
}

/** The bytes of all parts in the ranges. @throws {RangeError} when a range leaves the plan. */
export function bytesOf(ranges: readonly IndexRange[], fileSize: number, partSize: PartSize): number {
  return ranges.reduce((sum, [first, last]) => {
    const { offset, dataSize } = partAt(fileSize, partSize, last);
    return sum + offset + dataSize - partAt(fileSize, partSize, first).offset;
  }, 0);
}
