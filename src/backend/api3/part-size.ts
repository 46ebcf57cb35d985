import { formatBytes } from '../../base/format.ts';
import { MAX_OBJECT_PARTS, MAX_PART_BYTES, MIN_OBJECT_PART_BYTES } from '../../upload/plan.ts';

const MIB = 2 ** 20;

/** Small enough that a retry costs little, and large enough that a film has few hundred parts. */
const USUAL_PART_BYTES = 8 * MIB;

/** The problem with a file that is too large; undefined if it is not. */
export function objectSizeProblem(fileSize: number): string | undefined {
  const largest = MAX_OBJECT_PARTS * MAX_PART_BYTES;
  if (fileSize <= largest) return undefined;
  return `${formatBytes(fileSize)} are more than the ${formatBytes(largest)} that COS stores as one object`;
}

/**
 * The part size of a file, in bytes: the requested one or 8 MiB, or as much more as {@link MAX_OBJECT_PARTS} need. Each session
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
  const wanted = Math.max(requested, MIN_OBJECT_PART_BYTES) * 2 ** Math.min(expiredSessions, 20);
  const needed = Math.ceil(fileSize / MAX_OBJECT_PARTS / MIB) * MIB;
  return Math.min(Math.max(wanted, needed), MAX_PART_BYTES);
}
