import { type BigIntStats, constants } from 'node:fs';
import { SourceError } from './errors.ts';

/**
 * Flags to open a file that has been checked. If a FIFO or a device replaces it in the meantime, the open must not block,
 * and must not make the device the terminal of this process.
 */
export const OPEN_FLAGS =
  constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW;

/** @throws {SourceError} SOURCE_NOT_FOUND if no file can have this path */
export function checkPath(path: string): void {
  if (path !== '' && !path.includes('\0')) return;
  throw new SourceError('SOURCE_NOT_FOUND', `${JSON.stringify(path)} is not the path of a file`);
}

/**
 * @param realPath `path` with symbolic links resolved
 * @throws {SourceError} SOURCE_OUTSIDE_ROOTS
 */
export function checkInsideRoots(path: string, realPath: string, roots: readonly string[]): void {
  const isInside = (root: string) =>
    realPath === root || realPath.startsWith(root.endsWith('/') ? root : `${root}/`);
  if (roots.some(isInside)) return;
  const leads = realPath === path ? 'is' : `leads to ${realPath},`;
  throw new SourceError(
    'SOURCE_OUTSIDE_ROOTS',
    `${path} ${leads} outside the directories that SOURCE_ROOTS allows (${roots.join(', ')}); ` +
      'move the file into one of them, or add its directory to the variable SOURCE_ROOTS',
  );
}

/** @throws {SourceError} SOURCE_NOT_A_FILE */
export function checkRegularFile(path: string, stats: BigIntStats): void {
  if (stats.isFile()) return;
  throw new SourceError(
    'SOURCE_NOT_A_FILE',
    `${path} is a ${kindOf(stats)}; only regular files can be uploaded`,
  );
}

/** @throws {SourceError} SOURCE_EMPTY */
export function checkNotEmpty(path: string, { size }: Pick<BigIntStats, 'size'>): void {
  if (size === 0n)
    throw new SourceError('SOURCE_EMPTY', `${path} is empty; a file to upload has at least 1 byte`);
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'directory';
  if (stats.isFIFO()) return 'named pipe (FIFO)';
  if (stats.isSocket()) return 'socket';
  if (stats.isCharacterDevice()) return 'character device';
  return stats.isBlockDevice() ? 'block device' : 'special file';
}
