import { READ_TIMEOUT_MS } from './deadline-queue.ts';
import type { DirectoryState } from './directory-state.ts';
import type { OpenedFile } from './open-file.ts';
import type { Digest, FileSource, FileVersion } from './source.ts';
import { ThreadPool } from './thread-pool.ts';
import { ThreadSet } from './thread-set.ts';

/** One thread computes digests as fast as parts can be sent, while the other reads. */
const THREADS = 2;
/** Additional threads for disks with a high latency. */
const EXTRA_THREADS = 2;

/** A thread has its next request at once, even when the caller's event loop is busy. */
const DEPTH = 5;

/**
 * Opens and reads source files in threads, so that a hung disk blocks neither the caller's thread nor those that Node has
 * for asynchronous calls.
 */
export class Disk {
  readonly #threads: ThreadPool;

  /**
   * @param options.timeoutMs for each operation; default 60,000
   * @param options.threads number of threads; default 2, and up to 4 when reads are slow
   * @param options.set the threads to use; default: threads of its own
   */
  constructor(
    options: { readonly timeoutMs?: number; readonly threads?: number; readonly set?: ThreadSet } = {},
  ) {
    const { timeoutMs = READ_TIMEOUT_MS, threads, set = new ThreadSet('disk') } = options;
    this.#threads = new ThreadPool({
      set,
      threads: threads ?? THREADS,
      extraThreads: threads === undefined ? EXTRA_THREADS : 0,
      depth: DEPTH,
      timeoutMs,
    });
  }

  /**
   * Opens a regular file of at least one byte inside one of the roots. Resolves symbolic links and `..`.
   * @param options.roots absolute directories as returned by `resolveRoots`
   * @param options.expect the version that the file must have
   * @throws {SourceError} with any code except SOURCE_ROOTS_INVALID; no descriptor stays open then
   * @throws {ThreadError} (retryable) when the thread dies or the disk is closed
   * @throws the signal's reason, at once
   */
  async open(
    path: string,
    options: {
      readonly roots: readonly string[];
      readonly expect?: FileVersion | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<FileSource> {
    const { roots, expect, signal } = options;
    const opened = await this.#threads.run(
      { kind: 'open', path, roots, expect },
      {
        describe: () => 'opening it',
        signal,
        onLateResult: ({ fd }) => void closeFile(this.#threads, path, fd),
      },
    );
    return new OpenFile(this.#threads, path, opened);
  }

  /**
   * @returns undefined if the directory is gone
   * @throws {SourceError} SOURCE_READ_FAILED and others when that is not known, for example because its disk hangs
   * @throws {ThreadError}
   */
  async directoryState(path: string): Promise<DirectoryState | undefined> {
    return await this.#threads.run({ kind: 'directoryState', path }, { describe: () => 'checking it' });
  }

  /** Ends the threads of its set; pending operations fail with HASHER_CLOSED. */
  async close(): Promise<void> {
    await this.#threads.close();
  }
}

/** A file that `Disk.open` has opened and checked. */
class OpenFile implements FileSource {
  readonly path: string;
  readonly version: FileVersion;
  readonly #threads: ThreadPool;
  #fd: number;

  constructor(threads: ThreadPool, path: string, { fd, version }: OpenedFile) {
    this.#threads = threads;
    this.path = path;
    this.#fd = fd;
    this.version = version;
  }

  get size(): number {
    return this.version.size;
  }

  get fd(): number {
    return this.#fd;
  }

  async read(
    target: Uint8Array<SharedArrayBuffer>,
    offset: number,
    { digest, signal }: { readonly digest: Digest; readonly signal?: AbortSignal | undefined },
  ): Promise<string> {
    const { path, fd, version, size } = this;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + target.length > size) {
      throw new RangeError(`${target.length} bytes at ${offset} are not within the ${size} of ${path}`);
    }
    return await this.#threads.run(
      { kind: 'read', path, fd, version, target, offset, digest },
      { describe: () => `reading ${target.length} bytes at offset ${offset}`, signal },
    );
  }

  async verify(signal?: AbortSignal): Promise<void> {
    const { path, fd, version } = this;
    await this.#threads.run({ kind: 'verify', path, fd, version }, { describe: () => 'checking it', signal });
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd !== -1) await closeFile(this.#threads, this.path, fd);
  }
}

/** Never rejects. A failed close is not repeated: the descriptor may belong to another file by then. */
async function closeFile(threads: ThreadPool, path: string, fd: number): Promise<void> {
  await threads
    .run({ kind: 'close', path, fd }, { describe: () => 'closing it', mustRun: true })
    .catch(() => {});
}
