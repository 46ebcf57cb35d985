/*
 * What is done to source files. All of it blocks, for ever when a disk hangs, and so runs in threads of its own. Not in
 * the four threads that Node has for asynchronous calls: look-ups of host names wait for those as well.
 */
import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  fstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { changedError, endedEarlyError } from './errors.ts';
import { OPEN_FLAGS, refuseEmpty, refuseNoPath, refuseOtherThanFile, refuseOutside } from './locate.ts';
import type { Digest, FileVersion } from './source.ts';
import { refuseChanges, versionOf } from './version.ts';

/** A descriptor, and what its file was when it was opened. */
export interface OpenedFile {
  readonly fd: number;
  readonly version: FileVersion;
}

/**
 * Opens a regular file of at least one byte inside one of the roots, symbolic links and `..` resolved.
 * @param expect the version that a job has of it
 * @throws {SourceError} or the system's own error; no descriptor stays open then
 */
export function openFile(
  path: string,
  roots: readonly string[],
  expect: FileVersion | undefined,
): OpenedFile {
  refuseNoPath(path);
  // Looked at before the open, because merely opening some devices has effects; and again after it, because
  // names can be moved between the two steps and only the descriptor is what will be read.
  const { realPath } = locate(path, roots);
  const fd = openSync(realPath, OPEN_FLAGS);
  try {
    const opened = fstatSync(fd, { bigint: true });
    refuseOpenedOutside(path, fd, roots);
    const { stats: named } = locate(path, roots);
    if (opened.dev !== named.dev || opened.ino !== named.ino) {
      throw changedError(path, 'it was replaced by another file at the moment it was opened');
    }
    const version = versionOf(opened);
    if (expect !== undefined) refuseChanges(path, expect, version, 'upload');
    refuseEmpty(path, opened);
    return { fd, version };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Checks that an open file, and what its path leads to, still are the version that was opened. */
export function verifyFile(path: string, fd: number, version: FileVersion): void {
  refuseChanges(path, version, versionOf(fstatSync(fd, { bigint: true })), 'file');
  refuseChanges(path, version, versionOf(statSync(path, { bigint: true })), 'file');
}

/**
 * Fills `target` from `offset` on.
 * @returns the digest of what it holds then
 * @throws {SourceError} SOURCE_CHANGED when the file is no longer the version that was opened
 */
export function readRange(
  { path, fd, version }: OpenedFile & { readonly path: string },
  target: Uint8Array,
  offset: number,
  digest: Digest,
): string {
  const bytes = fill(target, fd, offset);
  refuseChanges(path, version, versionOf(fstatSync(fd, { bigint: true })), 'file');
  if (bytes < target.length) throw endedEarlyError(path, version.size, offset + bytes);
  return createHash(digest).update(target).digest('hex');
}

/** What is read at once is still in the processor's cache when it is hashed. */
const BUFFER_BYTES = 256 * 1024;
/** How often a hash looks up from its work. */
const STRIDE_BYTES = 1024 * 1024;

/**
 * SHA-1 of a whole file, from a descriptor that has been checked.
 * @param goesOn told of the bytes so far after each MiB; false ends it
 * @returns undefined when it was ended
 * @throws {SourceError} SOURCE_CHANGED when the file has fewer bytes than `size`
 */
export function hashFile(
  { path, fd, size }: { readonly path: string; readonly fd: number; readonly size: number },
  goesOn: (bytesHashed: number) => boolean,
): string | undefined {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const sha1 = createHash('sha1');
  let bytesHashed = 0;
  while (bytesHashed < size) {
    const wanted = buffer.subarray(0, size - bytesHashed);
    const bytes = fill(wanted, fd, bytesHashed);
    sha1.update(wanted.subarray(0, bytes));
    bytesHashed += bytes;
    if (bytes < wanted.length) throw endedEarlyError(path, size, bytesHashed);
    // All of them are told by the result.
    if (bytesHashed % STRIDE_BYTES === 0 && bytesHashed < size && !goesOn(bytesHashed)) return undefined;
  }
  return sha1.digest('hex');
}

/** @returns how many bytes from `offset` on are in `target`: fewer than it takes when the file ends early */
function fill(target: Uint8Array, fd: number, offset: number): number {
  let filled = 0;
  while (filled < target.length) {
    const bytes = readSync(fd, target, filled, target.length - filled, offset + filled);
    if (bytes === 0) break;
    filled += bytes;
  }
  return filled;
}

/** A directory, as far as it takes to tell whether what was mounted there still is. */
export interface DirectoryLook {
  /** Another one when another directory is in its place, such as the one below a mount. */
  readonly identity: string;
  readonly isEmpty: boolean;
}

/** What says that a directory, or what was mounted there, is gone; all else says nothing of that. */
const GONE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ESTALE', 'ENOTCONN']);

/** @returns undefined when it is gone. @throws the system's error when it can't be told */
export function lookAtDirectory(path: string): DirectoryLook | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    const directory = opendirSync(path, { bufferSize: 1 });
    try {
      return { identity: `${dev} ${ino}`, isEmpty: directory.readSync() === null };
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code)) return undefined;
    throw error;
  }
}

/** Where `path` leads now and what is there. Both may be something else a moment later. */
function locate(path: string, roots: readonly string[]): { realPath: string; stats: BigIntStats } {
  const realPath = realpathSync.native(path);
  refuseOutside(path, realPath, roots);
  const stats = statSync(realPath, { bigint: true });
  refuseOtherThanFile(path, stats);
  return { realPath, stats };
}

/**
 * Holds an open file to the roots by the kernel's own word on where it is. Unlike a path, which is followed step by
 * step while others rename those steps, a descriptor can't be made to lead elsewhere. Where there is no /proc (not
 * Linux) nothing is checked, and `locate` has to do.
 */
function refuseOpenedOutside(path: string, fd: number, roots: readonly string[]): void {
  let realPath: string;
  try {
    realPath = readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  refuseOutside(path, realPath, roots);
}
