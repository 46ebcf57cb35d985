import type { Cover } from '../src/backend/backend.ts';
import type { Disk } from '../src/source/disk.ts';
import { SourceError } from '../src/source/errors.ts';
import { checkCoverSize, coverError, coverType } from '../src/upload/cover.ts';

/**
 * Reads the picture of a video. Any version of the file will do.
 * @throws {SourceError} whose message says that the file is the cover
 */
export async function readCover(
  path: string,
  { disk, roots }: { readonly disk: Disk; readonly roots: readonly string[] },
  signal: AbortSignal,
): Promise<Cover> {
  try {
    if (roots.length === 0) throw rootlessError(path);
    const file = await disk.open(path, { roots, signal });
    try {
      checkCoverSize(path, file.size);
      const bytes = new Uint8Array(new SharedArrayBuffer(file.size));
      await file.read(bytes, 0, { digest: 'md5', signal });
      return { type: coverType(path), bytes };
    } finally {
      void file.close();
    }
  } catch (error) {
    throw coverError(error);
  }
}

function rootlessError(path: string): SourceError {
  const message =
    `${path} can't be read by this worker, which runs the stage init without SOURCE_ROOTS: set it to the directories ` +
    'that videos and covers are in, for all workers that run init';
  return new SourceError('SOURCE_OUTSIDE_ROOTS', message);
}
