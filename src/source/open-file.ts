/*
 * Opens and checks source files. These calls block, for ever if a disk hangs, so they run in threads of our own, not in
 * the four threads that Node has for asynchronous calls: DNS look-ups need those as well.
 */
import {
  type BigIntStats,
  closeSync,
  fstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { changedError } from './errors.ts';
import { checkInsideRoots, checkNotEmpty, checkPath, checkRegularFile, OPEN_FLAGS } from './file-checks.ts';
import type { FileVersion } from './source.ts';
import { checkUnchanged, versionOf } from './version.ts';

/** A descriptor, and the version of its file when it was opened. */
export interface OpenedFile {
  readonly fd: number;
  readonly version: FileVersion;
}

/**
 * Opens a regular file of at least one byte inside one of the roots. Resolves symbolic links and `..`.
 * @param expect the version that the file must have
 * @throws {SourceError} or an error of the system; no descriptor stays open then
 */
export function openFile(
  path: string,
  roots: readonly string[],
  expect: FileVersion | undefined,
): OpenedFile {
  checkPath(path);
  // Checked before the open, because opening some devices has side effects; and again after it, because files can be
  // renamed between the two steps and only the descriptor shows what will be read.
  const { realPath } = resolveFile(path, roots);
  const fd = openSync(realPath, OPEN_FLAGS);
  try {
    const opened = fstatSync(fd, { bigint: true });
    checkDescriptorInsideRoots(path, fd, roots);
    const { stats: named } = resolveFile(path, roots);
    if (opened.dev !== named.dev || opened.ino !== named.ino) {
      throw changedError(path, 'it was replaced by another file at the moment it was opened');
    }
    const version = versionOf(opened);
    if (expect !== undefined) checkUnchanged(path, expect, version, 'upload');
    checkNotEmpty(path, opened);
    return { fd, version };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Checks that an open file, and the file at its path, still have the version that was opened. */
export function verifyFile(path: string, fd: number, version: FileVersion): void {
  checkUnchanged(path, version, versionOf(fstatSync(fd, { bigint: true })), 'file');
  checkUnchanged(path, version, versionOf(statSync(path, { bigint: true })), 'file');
}

/** The real path of a file and its state. Both may change at any moment. */
function resolveFile(path: string, roots: readonly string[]): { realPath: string; stats: BigIntStats } {
  const realPath = realpathSync.native(path);
  checkInsideRoots(path, realPath, roots);
  const stats = statSync(realPath, { bigint: true });
  checkRegularFile(path, stats);
  return { realPath, stats };
}

/**
 * Checks where the kernel says that an open file is. A path is resolved step by step and its directories may be renamed
 * meanwhile; a descriptor can't be redirected. Without /proc (not Linux) this checks nothing, and `resolveFile` must do.
 */
function checkDescriptorInsideRoots(path: string, fd: number, roots: readonly string[]): void {
  let realPath: string;
  try {
    realPath = readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  checkInsideRoots(path, realPath, roots);
}
