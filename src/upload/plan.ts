import { UploaderError } from '../base/errors.ts';
import { formatBytes } from '../base/format.ts';
import { PART_SIZES, type ReceivedPart } from '../vod/wire/protocol.ts';
import type { IndexRange } from './ranges.ts';

/**
 * part: a byte range of a file, sent by one request.
 * - plan: all parts of a file for one part size; computed, never stored.
 * - received: the parts that VOD reports to have.
 * - missing: the parts of the plan that are not received.
 */
export interface Part {
  /** Position in the plan, from 0. */
  readonly index: number;
  /** Bytes from the start of the file: `index` × part size. */
  readonly offset: number;
  /** Bytes of this part: the part size, or what is left of the file for the last part. */
  readonly dataSize: number;
}

/**
 * Maximum number of parts of one file. Each part needs about 1 KB of Redis until it is sent, and the account's quota allows
 * 10,000 per minute; larger files are invented, or sparse.
 */
export const MAX_PARTS = 500_000;

/** Maximum number of parts of an object in COS, and so of a file with API 3.0. */
export const MAX_OBJECT_PARTS = 10_000;
/** Minimum size of such a part, unless it is the last, in bytes. */
export const MIN_OBJECT_PART_BYTES = 2 ** 20;

/** Bounds of the size of a part. Each of the service's APIs has bounds of its own within these. */
export const MIN_PART_BYTES = PART_SIZES[0];
export const MAX_PART_BYTES = 5 * 2 ** 30;

/** Maximum size of a file: 48.8 TiB, that of an object in COS. Each of the service's APIs has its own limit within this. */
export const MAX_FILE_BYTES = MAX_OBJECT_PARTS * MAX_PART_BYTES;

/**
 * The number of parts of a file.
 * @throws {RangeError} unless `fileSize` is a whole number of bytes ≥ 1
 * @throws {UploaderError} `TOO_MANY_PARTS` when there are more than {@link MAX_PARTS}
 */
export function partCount(fileSize: number, partSize: number): number {
  if (!Number.isSafeInteger(fileSize) || fileSize < 1) {
    throw new RangeError(`A file of ${fileSize} bytes has no parts`);
  }
  const problem = tooManyParts(fileSize, partSize);
  if (problem !== undefined) throw new UploaderError('TOO_MANY_PARTS', problem);
  return Math.ceil(fileSize / partSize);
}

/** The problem with a file that has too many parts; undefined if it has not. */
export function tooManyParts(
  fileSize: number,
  partSize: number,
  maxParts: number = MAX_PARTS,
): string | undefined {
  const count = Math.ceil(fileSize / partSize);
  if (count <= maxParts) return undefined;
  const largest = formatBytes(maxParts * partSize);
  return `${formatBytes(fileSize)} are ${count} parts of ${formatBytes(partSize)}, more than ${maxParts}: ${largest} can be uploaded at most`;
}

/** @throws {RangeError} when the file has no part of this index. */
export function partAt(fileSize: number, partSize: number, index: number): Part {
  const count = partCount(fileSize, partSize);
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new RangeError(`Part ${index} is not one of the ${count} parts of the file`);
  }
  const offset = index * partSize;
  return { index, offset, dataSize: Math.min(partSize, fileSize - offset) };
}

/**
 * The parts that VOD does not have, in ascending order. A received part counts if its offset and size are exactly those of
 * a planned part. Other entries are ignored: sending a part again is harmless, leaving one out is not. Time and memory
 * depend on the number of received entries, not on the size of the file.
 */
export function missingRanges(args: {
  readonly fileSize: number;
  readonly partSize: number;
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

/** Indices of the received parts of the plan: ascending, without duplicates. */
export function receivedIndices(args: {
  readonly fileSize: number;
  readonly partSize: number;
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
 * The received parts of the plan with the MD5 that VOD lists, in ascending order, without duplicates. Leaves out parts
 * without an MD5 or with different ones.
 */
export function listedParts(args: {
  readonly fileSize: number;
  readonly partSize: number;
  readonly received: readonly ReceivedPart[];
}): { readonly index: number; readonly dataMd5: string }[] {
  const byIndex = Map.groupBy(args.received, ({ offset }) => offset / args.partSize);
  return receivedIndices(args).flatMap((index) => {
    const md5s = new Set(byIndex.get(index)?.map(({ dataMd5 }) => dataMd5));
    const [dataMd5] = md5s;
    return md5s.size === 1 && dataMd5 !== undefined ? [{ index, dataMd5 }] : [];
  });
}

/** The bytes of all parts in the ranges. @throws {RangeError} when a range exceeds the plan. */
export function bytesOf(ranges: readonly IndexRange[], fileSize: number, partSize: number): number {
  return ranges.reduce((sum, [first, last]) => {
    const { offset, dataSize } = partAt(fileSize, partSize, last);
    return sum + offset + dataSize - partAt(fileSize, partSize, first).offset;
  }, 0);
}
