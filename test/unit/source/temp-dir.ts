import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Disk } from '../../../src/source/disk.ts';
import type { FileSource, FileVersion } from '../../../src/source/source.ts';

/** Its threads end with the process. */
export const disk = new Disk();

export const openFile = (
  path: string,
  options: { readonly roots: readonly string[]; readonly expect?: FileVersion },
): Promise<FileSource> => disk.open(path, options);

/** A buffer for a range of a file. */
export const room = (size: number): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(new SharedArrayBuffer(size));

/** For reads whose digest does not matter. */
export const MD5 = { digest: 'md5' } as const;

/** A directory for one test, without symbolic links in its path. */
export function tempDir(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'vod-source-')));
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** An open file, in its own directory. Its modification time is long ago, so that every write changes it. */
export async function openBytes(bytes: Uint8Array | string): Promise<FileSource> {
  const root = tempDir();
  const path = join(root, 'film.mp4');
  writeFileSync(path, bytes);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  const source = await openFile(path, { roots: [root] });
  onTestFinished(() => source.close());
  return source;
}

/** The number of open descriptors below a directory; undefined if there is no /proc. */
export function openDescriptors(directory: string): number | undefined {
  let names: string[];
  try {
    names = readdirSync('/proc/self/fd');
  } catch {
    return undefined;
  }
  return names.filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith(directory);
    } catch {
      return false;
    }
  }).length;
}
