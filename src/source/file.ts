import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { changedError, SourceError, sourceErrorOf } from './errors.ts';
import { locate, refuseOpenedOutside } from './locate.ts';
import { OpenFile } from './open-file.ts';
import type { FileSource, FileVersion } from './source.ts';
import { refuseChanges, versionOf } from './version.ts';

// A FIFO or device that appears in the file's place at the last moment must neither block the open nor become the
// terminal of this process.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW;

/**
 * Opens a regular file of at least one byte inside one of the roots, symbolic links and `..` resolved.
 * @param options.roots absolute directories as `resolveRoots` returns them
 * @param options.expect the version that it must still be
 * @throws {SourceError} any of its codes but SOURCE_ROOTS_INVALID; no descriptor stays open then
 */
export async function openFile(
  path: string,
  options: { readonly roots: readonly string[]; readonly expect?: FileVersion | undefined },
): Promise<FileSource> {
  const { roots, expect } = options;
  refuseNoPath(path);
  try {
    // Looked at before the open, because merely opening some devices has effects; and again after it, because
    // names can be moved between the two steps and only the descriptor is what will be read.
    const { realPath } = await locate(path, roots);
    const handle = await open(realPath, FLAGS);
    try {
      return await checked(path, handle, roots, expect);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw sourceErrorOf(error, path, expect !== undefined);
  }
}

/**
 * Whether a file could be opened and uploaded, as far as its name tells; for one that is going to be uploaded later.
 * @throws {SourceError} as `openFile`
 */
export async function inspectFile(path: string, roots: readonly string[]): Promise<FileVersion> {
  refuseNoPath(path);
  try {
    const { realPath, stats } = await locate(path, roots);
    await (await open(realPath, FLAGS)).close();
    const version = versionOf(stats);
    refuseEmpty(path, version);
    return version;
  } catch (error) {
    throw sourceErrorOf(error, path);
  }
}

async function checked(
  path: string,
  handle: FileHandle,
  roots: readonly string[],
  expect: FileVersion | undefined,
): Promise<FileSource> {
  const opened = await handle.stat({ bigint: true });
  await refuseOpenedOutside(path, handle, roots);
  const { stats: named } = await locate(path, roots);
  if (opened.dev !== named.dev || opened.ino !== named.ino) {
    throw changedError(path, 'it was replaced by another file at the moment it was opened');
  }
  const version = versionOf(opened);
  if (expect !== undefined) refuseChanges(path, expect, version);
  refuseEmpty(path, version);
  return new OpenFile(path, handle, version);
}

function refuseNoPath(path: string): void {
  if (path !== '' && !path.includes('\0')) return;
  throw new SourceError('SOURCE_NOT_FOUND', `${JSON.stringify(path)} is not the path of a file`);
}

function refuseEmpty(path: string, { size }: FileVersion): void {
  if (size === 0) throw new SourceError('SOURCE_EMPTY', `${path} is empty; a video has at least 1 byte`);
}
