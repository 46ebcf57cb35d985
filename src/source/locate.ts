import { type BigIntStats, constants } from 'node:fs';
import { SourceError } from './errors.ts';

/**
 * How a file is opened that has been looked at: a FIFO or device that appears in its place at the last moment must
 * neither block the open nor become the terminal of this process.
 */
export const OPEN_FLAGS =
  constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_NOFOLLOW;

/** @throws {SourceError} SOURCE_NOT_FOUND */
export function refuseNoPath(path: string): void {
  if (path !== '' && !path.includes('\0')) return;
  throw new SourceError('SOURCE_NOT_FOUND', `${JSON.stringify(path)} is not the path of a file`);
}

/**
 * @param realPath where `path` leads
 * @throws {SourceError} SOURCE_OUTSIDE_ROOTS
 */
export function refuseOutside(path: string, realPath: string, roots: readonly string[]): void {
  if (roots.some((root) => realPath === root || realPath.startsWith(root.endsWith('/') ? root : `${root}/`)))
    return;
  const leads = realPath === path ? 'is' : `leads to ${realPath},`;
  throw new SourceError(
    'SOURCE_OUTSIDE_ROOTS',
    `${path} ${leads} outside the directories that SOURCE_ROOTS allows (${roots.join(', ')}); ` +
      'move the file into one of them, or add its directory to the variable SOURCE_ROOTS',
  );
}

/** @throws {SourceError} SOURCE_NOT_A_FILE */
export function refuseOtherThanFile(path: string, stats: BigIntStats): void {
  if (stats.isFile()) return;
  const words = `${path} is a ${kindOf(stats)}; only regular files can be uploaded`;
  throw new SourceError('SOURCE_NOT_A_FILE', words);
}

/** @throws {SourceError} SOURCE_EMPTY */
export function refuseEmpty(path: string, { size }: Pick<BigIntStats, 'size'>): void {
  if (size === 0n) throw new SourceError('SOURCE_EMPTY', `${path} is empty; a video has at least 1 byte`);
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'directory';
  if (stats.isFIFO()) return 'named pipe (FIFO)';
  if (stats.isSocket()) return 'socket';
  if (stats.isCharacterDevice()) return 'character device';
  return stats.isBlockDevice() ? 'block device' : 'special file';
}
