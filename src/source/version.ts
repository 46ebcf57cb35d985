import type { BigIntStats } from 'node:fs';
import { changedError } from './errors.ts';
import type { FileVersion } from './source.ts';

export function versionOf(stats: BigIntStats): FileVersion {
  return { size: Number(stats.size), mtimeNs: String(stats.mtimeNs), inode: String(stats.ino) };
}

export function sameVersion(a: FileVersion, b: FileVersion): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.inode === b.inode;
}

/**
 * Holds a file to the version that it had. A write that keeps the size and falls into the same tick of the file
 * system's clock (about 4 ms on Linux), or whose author puts the old time back, can't be seen this way; the service's
 * check of the SHA-1 is behind it.
 * @throws {SourceError} SOURCE_CHANGED, saying what differs
 */
export function refuseChanges(path: string, was: FileVersion, is: FileVersion): void {
  if (sameVersion(was, is)) return;
  const changes: string[] = [];
  if (was.inode !== is.inode) {
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
