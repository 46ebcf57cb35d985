import type { BigIntStats } from 'node:fs';
import { changedError } from './errors.ts';
import type { FileVersion } from './source.ts';

/**
 * The fields in which two versions must agree to be the same. It depends on the purpose:
 * - `file`: compares an open descriptor with itself or with the file at its path, on one machine.
 * - `upload`: compares the version in a job with the file that another process, perhaps on another machine, finds at its
 *   path. On SMB, FUSE and object stores inodes differ between machines and mounts, and so may ctimes, which chmod, rename
 *   and link change as well. A file that is replaced by a copy with the same times may therefore continue to be sent. The
 *   service checks the SHA-1 at the end, so other bytes can't become a video.
 * - `content`: decides whether a known SHA-1 is reused, so nothing checks it later. A program that rewrites a file and
 *   resets its mtime (`touch -r`) can't reset its ctime. A version without ctime is from an older worker: its SHA-1 is
 *   not reused.
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
 * Checks that a file still has its version. Does not detect a write that keeps the size and happens within one tick of the
 * file system's clock (about 4 ms on Linux), or that resets the time; the service's check of the SHA-1 does.
 * @throws {SourceError} SOURCE_CHANGED, with the differences
 */
export function checkUnchanged(
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

/** ISO 8601 with nanoseconds, since two versions may be less than a millisecond apart. */
function timeOf(mtimeNs: string): string {
  const ns = BigInt(mtimeNs);
  const below = String(ns % 1_000_000n).padStart(6, '0');
  return new Date(Number(ns / 1_000_000n)).toISOString().replace('Z', `${below}Z`);
}
