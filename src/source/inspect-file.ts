import { open, realpath, stat } from 'node:fs/promises';
import { sourceErrorOf } from './errors.ts';
import { checkInsideRoots, checkNotEmpty, checkPath, checkRegularFile, OPEN_FLAGS } from './file-checks.ts';
import { queueFileCalls } from './libuv-queue.ts';
import type { FileVersion } from './source.ts';
import { versionOf } from './version.ts';

/**
 * Checks that a file can be uploaded later.
 * @param roots absolute directories as returned by `resolveRoots`
 * @throws {SourceError} as `Disk.open`
 */
export async function inspectFile(path: string, roots: readonly string[]): Promise<FileVersion> {
  checkPath(path);
  try {
    return await queueFileCalls(path, async () => {
      const realPath = await realpath(path);
      checkInsideRoots(path, realPath, roots);
      const stats = await stat(realPath, { bigint: true });
      checkRegularFile(path, stats);
      await (await open(realPath, OPEN_FLAGS)).close();
      checkNotEmpty(path, stats);
      return versionOf(stats);
    });
  } catch (error) {
    throw sourceErrorOf(error, path);
  }
}
