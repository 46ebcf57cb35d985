import { opendirSync, statSync } from 'node:fs';

/** What is needed to tell whether a directory, or the file system mounted there, is still the same. */
export interface DirectoryState {
  /** Differs for another directory in the same place, such as the one below a mount. */
  readonly identity: string;
  readonly isEmpty: boolean;
}

/** Errors that mean that a directory, or its mount, is gone; other errors don't say. */
const GONE: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR', 'ESTALE', 'ENOTCONN']);

/**
 * Blocks, for ever if a disk hangs, so it runs in threads of our own.
 * @returns undefined if the directory is gone
 * @throws the system's error if that is not known
 */
export function directoryState(path: string): DirectoryState | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    const directory = opendirSync(path, { bufferSize: 1 });
    try {
      return { identity: `${dev} ${ino}`, isEmpty: directory.readSync() === null };
    } finally {
      directory.closeSync();
    }
  } catch (error) {
    if (GONE.has((error as NodeJS.ErrnoException).code)) return undefined;
    throw error;
  }
}
