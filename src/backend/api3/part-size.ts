import { formatBytes } from '../../base/format.ts';

const MIB = 2 ** 20;

/** Of COS: the largest number of parts of an object, and the bounds of their size, in bytes. */
const COS_MAX_PARTS = 10_000;
const COS_PART_BYTES = { min: MIB, max: 5 * 2 ** 30 } as const;

/** Small enough that a retry costs little, and large enough that a film has few hundred parts. */
const USUAL_PART_BYTES = 8 * MIB;

/** The problem with a file that is too large; undefined if it is not. */
export function objectSizeProblem(fileSize: number): string | undefined {
  const largest = COS_MAX_PARTS * COS_PART_BYTES.max;
  if (fileSize <= largest) return undefined;
  return `${formatBytes(fileSize)} are more than the ${formatBytes(largest)} that COS stores as one object`;
}

/**
 * The part size of a file, in bytes: the requested one or 8 MiB, or as much more as {@link COS_MAX_PARTS} need. Each session
 * that has expired doubles it: larger parts need fewer requests.
 * @param expiredSessions of this attempt of the upload
 */
export function cosPartSize(
  fileSize: number,
  {
    requested = USUAL_PART_BYTES,
    expiredSessions,
  }: { readonly requested?: number; readonly expiredSessions: number },
): number {
  const wanted = Math.max(requested, COS_PART_BYTES.min) * 2 ** Math.min(expiredSessions, 20);
  const needed = Math.ceil(fileSize / COS_MAX_PARTS / MIB) * MIB;
  return Math.min(Math.max(wanted, needed), COS_PART_BYTES.max);
}
