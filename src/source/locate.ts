import type { BigIntStats } from 'node:fs';
import { type FileHandle, readlink, realpath, stat } from 'node:fs/promises';
import { SourceError } from './errors.ts';

/**
 * Where `path` leads now and what is there. Both may be something else a moment later.
 * @throws {SourceError} SOURCE_OUTSIDE_ROOTS or SOURCE_NOT_A_FILE
 * @throws the system's own error when there is nothing, or nothing that may be seen
 */
export async function locate(
  path: string,
  roots: readonly string[],
): Promise<{ realPath: string; stats: BigIntStats }> {
  const realPath = await realpath(path);
  refuseOutside(path, realPath, roots);
  const stats = await stat(realPath, { bigint: true });
  if (!stats.isFile()) {
    throw new SourceError(
      'SOURCE_NOT_A_FILE',
      `${path} is a ${kindOf(stats)}; only regular files can be uploaded`,
    );
  }
  return { realPath, stats };
}

/**
 * Holds an open file to the roots by the kernel's own word on where it is. Unlike a path, which is followed step by
 * step while others rename those steps, a descriptor can't be made to lead elsewhere. Where there is no /proc (not
 * Linux) nothing is checked, and `locate` has to do.
 * @throws {SourceError} SOURCE_OUTSIDE_ROOTS
 */
export async function refuseOpenedOutside(
  path: string,
  handle: FileHandle,
  roots: readonly string[],
): Promise<void> {
  let realPath: string;
  try {
    realPath = await readlink(`/proc/self/fd/${handle.fd}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  refuseOutside(path, realPath, roots);
}

function refuseOutside(path: string, realPath: string, roots: readonly string[]): void {
  if (roots.some((root) => realPath === root || realPath.startsWith(root.endsWith('/') ? root : `${root}/`)))
    return;
  const leads = realPath === path ? 'is' : `leads to ${realPath},`;
  throw new SourceError(
    'SOURCE_OUTSIDE_ROOTS',
    `${path} ${leads} outside the directories that SOURCE_ROOTS allows (${roots.join(', ')}); ` +
      'move the file into one of them, or add its directory to the variable SOURCE_ROOTS',
  );
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'directory';
  if (stats.isFIFO()) return 'named pipe (FIFO)';
  if (stats.isSocket()) return 'socket';
  if (stats.isCharacterDevice()) return 'character device';
  return stats.isBlockDevice() ? 'block device' : 'special file';
}
