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
import { openFile } from '../../../src/source/file.ts';
import type { FileSource } from '../../../src/source/source.ts';

/** A directory for one test, without symbolic links in its path. */
export function tempDir(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'vod-source-')));
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** An open file, in a directory of its own, whose modification time is long ago, so that any write moves it. */
export async function openBytes(bytes: Uint8Array | string): Promise<FileSource> {
  const root = tempDir();
  const path = join(root, 'film.mp4');
  writeFileSync(path, bytes);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  const source = await openFile(path, { roots: [root] });
  onTestFinished(() => source.close());
  return source;
}

/** How many descriptors of this process lead below a directory; undefined where there is no /proc. */
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
