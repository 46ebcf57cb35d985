import type { BigIntStats } from 'node:fs';
import { changedError } from './errors.ts';
import type { FileVersion } from './source.ts';

/**
 * Which fields must agree for two versions to count as one. It depends on who compares:
 * - `file`: an open descriptor, or it and what its path leads to, on one machine.
 * - `upload`: what a job has of a file and what another process, perhaps on another machine, finds under its path. On SMB,
 *   FUSE and object stores inodes differ from machine to machine and change with each mount, and so may ctimes, which
 *   chmod, rename and link change as well. A file that is replaced by a copy with the same times may so go on being sent.
 *   Its SHA-1, which the service checks in the end, is what keeps other bytes from becoming a video.
 * - `content`: a SHA-1 that is taken over and not computed again, so nothing else is behind it. Whoever rewrites a file
 *   and sets its mtime back (`touch -r`) can't set its ctime back. A version without ctime is of an older worker, and no
 *   SHA-1 is taken over from it.
 */
const FIELDS = {
  file: ['size', 'mtimeNs', 'inode'],
  upload: ['size', 'mtimeNs'],
  content: ['size', 'mtimeNs', 'ctimeNs'],
} as const satisfies Record<string, readonly (keyof FileVersion)[]>;

export function versionOf(stats: BigIntStats): FileVersion {
  return {
    size: Number(stats.size),
    mtimeNs: String(stats.mtimeNs),
    inode: String(stats.ino),
    ctimeNs: String(stats.ctimeNs),
  };
}

export function sameVersion(a: FileVersion, b: FileVersion, as: keyof typeof FIELDS): boolean {
  return FIELDS[as].every((field) => a[field] === b[field]);
}

/**
 * Holds a file to the version that it had. A write that keeps the size and falls into the same tick of the file
 * system's clock (about 4 ms on Linux), or whose author puts the old time back, can't be seen this way; the service's
 * check of the SHA-1 is behind it.
 * @throws {SourceError} SOURCE_CHANGED, saying what differs
 */
export function refuseChanges(
  path: string,
  was: FileVersion,
  is: FileVersion,
  as: Exclude<keyof typeof FIELDS, 'content'>,
): void {
  if (sameVersion(was, is, as)) return;
  const changes: string[] = [];
  if (as === 'file' && was.inode !== is.inode) {
    changes.push(`it was replaced by another file (inode was ${was.inode}, is ${is.inode})`);
  }
  if (was.size !== is.size) changes.push(`size was ${was.size} bytes, is ${is.size}`);
  if (was.mtimeNs !== is.mtimeNs) {
    changes.push(`modification time was ${timeOf(was.mtimeNs)}, is ${timeOf(is.mtimeNs)}`);
  }
  throw changedError(path, changes.join('; '));
}

/** ISO 8601 with all nine digits, since two versions may be less than a millisecond apart. */
function timeOf(mtimeNs: string): string {
  const ns = BigInt(mtimeNs);
  const below = String(ns % 1_000_000n).padStart(6, '0');
  return new Date(Number(ns / 1_000_000n)).toISOString().replace('Z', `${below}Z`);
}
