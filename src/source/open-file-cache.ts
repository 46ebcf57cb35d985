import { abortable } from '../base/abortable.ts';
import type { Disk } from './disk.ts';
import type { FileSource, FileVersion } from './source.ts';

/** A file stays open this long after its last use: the next part of it usually comes at once, or to another process. */
const KEEP_OPEN_MS = 1000;

interface Entry {
  readonly opened: Promise<FileSource>;
  users: number;
  closeTimer?: NodeJS.Timeout | undefined;
}

/**
 * Open files for repeated and concurrent reads; each is opened and checked once. An open file keeps its content, whatever
 * replaces it under its name.
 */
export class OpenFileCache {
  readonly #disk: Pick<Disk, 'open'>;
  readonly #roots: readonly string[];
  readonly #entries = new Map<string, Entry>();

  /** @param roots absolute directories as returned by `resolveRoots` */
  constructor(disk: Pick<Disk, 'open'>, roots: readonly string[]) {
    this.#disk = disk;
    this.#roots = roots;
  }

  /**
   * Runs an action with the open file of this version. The action must not close it.
   * @throws {SourceError} as `Disk.open`, or what the action throws, or the signal's reason at once
   */
  async use<T>(
    path: string,
    expect: FileVersion,
    action: (file: FileSource) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const key = keyOf(path, expect);
    const entry = this.#entries.get(key) ?? this.#open(key, path, expect);
    entry.users++;
    clearTimeout(entry.closeTimer);
    try {
      return await action(await abortable(entry.opened, signal));
    } catch (error) {
      // The file may have been replaced: the next use opens it again.
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    } finally {
      entry.users--;
      if (entry.users === 0) this.#closeLater(key, entry);
    }
  }

  /** Takes ownership of an open file, so that the next use need not open it. */
  add(file: FileSource): void {
    const key = keyOf(file.path, file.version);
    if (this.#entries.has(key)) {
      void file.close();
      return;
    }
    const entry: Entry = { opened: Promise.resolve(file), users: 0 };
    this.#entries.set(key, entry);
    this.#closeLater(key, entry);
  }

  #open(key: string, path: string, expect: FileVersion): Entry {
    const entry: Entry = { opened: this.#disk.open(path, { roots: this.#roots, expect }), users: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  #closeLater(key: string, entry: Entry): void {
    const close = (): void => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      entry.opened.then((file) => file.close()).catch(() => {});
    };
    if (this.#entries.get(key) !== entry) close();
    else entry.closeTimer = setTimeout(close, KEEP_OPEN_MS).unref();
  }
}

/** All fields of the version, even those that may differ on the reading machine: all jobs of one upload have the same. */
function keyOf(path: string, { size, mtimeNs, inode, ctimeNs }: FileVersion): string {
  return `${inode} ${mtimeNs} ${ctimeNs} ${size} ${path}`;
}
