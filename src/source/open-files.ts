import { abortable } from '../base/abortable.ts';
import type { Disk } from './disk.ts';
import type { FileSource, FileVersion } from './source.ts';

/** A file is kept open for so long after its last use: the next part of it comes at once, or not here. */
const LINGER_MS = 1000;

interface Entry {
  readonly opened: Promise<FileSource>;
  users: number;
  closing?: NodeJS.Timeout | undefined;
}

/**
 * Files that are read from again and again, by many at a time, each opened and checked once. What is open goes on being
 * the content that it was opened for, whatever comes to stand under its name meanwhile.
 */
export class OpenFiles {
  readonly #disk: Pick<Disk, 'open'>;
  readonly #roots: readonly string[];
  readonly #entries = new Map<string, Entry>();

  /** @param roots absolute directories as `resolveRoots` returns them */
  constructor(disk: Pick<Disk, 'open'>, roots: readonly string[]) {
    this.#disk = disk;
    this.#roots = roots;
  }

  /**
   * Does something with a file that is open as this version; it must not close it.
   * @throws {SourceError} as `Disk.open`, or what the action throws, or the signal's reason, at once
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
    clearTimeout(entry.closing);
    try {
      return await action(await abortable(entry.opened, signal));
    } catch (error) {
      // It may be another file by now: whoever comes next looks for himself.
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    } finally {
      entry.users--;
      if (entry.users === 0) this.#closeSoon(key, entry);
    }
  }

  /** Takes over a file that has just been opened: those who use it next need not open it again. */
  keep(file: FileSource): void {
    const key = keyOf(file.path, file.version);
    if (this.#entries.has(key)) {
      void file.close();
      return;
    }
    const entry: Entry = { opened: Promise.resolve(file), users: 0 };
    this.#entries.set(key, entry);
    this.#closeSoon(key, entry);
  }

  #open(key: string, path: string, expect: FileVersion): Entry {
    const entry: Entry = { opened: this.#disk.open(path, { roots: this.#roots, expect }), users: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  #closeSoon(key: string, entry: Entry): void {
    const close = (): void => {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      entry.opened.then((file) => file.close()).catch(() => {});
    };
    if (this.#entries.get(key) !== entry) close();
    else entry.closing = setTimeout(close, LINGER_MS).unref();
  }
}

/** All of the version, also what may differ on the machine that reads: jobs of one upload have the same. */
function keyOf(path: string, { size, mtimeNs, inode, ctimeNs }: FileVersion): string {
  return `${inode} ${mtimeNs} ${ctimeNs} ${size} ${path}`;
}
