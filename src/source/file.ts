import { open, realpath, stat } from 'node:fs/promises';
import { sourceErrorOf } from './errors.ts';
import { OPEN_FLAGS, refuseEmpty, refuseNoPath, refuseOtherThanFile, refuseOutside } from './locate.ts';
import { lookAt } from './looks.ts';
import type { FileVersion } from './source.ts';
import { versionOf } from './version.ts';

/**
 * Whether a file could be opened and uploaded, as far as its name tells; for one that is going to be uploaded later.
 * @param roots absolute directories as `resolveRoots` returns them
 * @throws {SourceError} as `Disk.open`
 */
export async function inspectFile(path: string, roots: readonly string[]): Promise<FileVersion> {
  refuseNoPath(path);
  try {
    return await lookAt(path, async () => {
      const realPath = await realpath(path);
      refuseOutside(path, realPath, roots);
      const stats = await stat(realPath, { bigint: true });
      refuseOtherThanFile(path, stats);
      await (await open(realPath, OPEN_FLAGS)).close();
      refuseEmpty(path, stats);
      return versionOf(stats);
    });
  } catch (error) {
    throw sourceErrorOf(error, path);
  }
}
