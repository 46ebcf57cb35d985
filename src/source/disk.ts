import { READ_TIMEOUT_MS } from './deadline-queue.ts';
import type { DirectoryLook, OpenedFile } from './file-operations.ts';
import type { Digest, FileSource, FileVersion } from './source.ts';
import { ThreadPool } from './thread-pool.ts';

/** One computes digests as fast as parts can be sent; the other reads meanwhile. Each takes 12 MB. */
const THREADS = 2;
/** More for disks that answer late. */
const MORE_THREADS = 2;

/** A thread so has the next request at once, and need not wait for a turn of the caller's busy event loop. */
const DEPTH = 5;

/**
 * Opens and reads source files in threads. A disk that hangs so holds neither the caller's thread nor those that Node
 * shares among all asynchronous calls.
 */
export class Disk {
  readonly #threads: ThreadPool;

  /**
   * @param options.timeoutMs for each open, look and read; 60,000 if not given
   * @param options.threads that work at a time; 2, and up to 4 when reads are slow, if not given
   */
  constructor(options: { readonly timeoutMs?: number; readonly threads?: number } = {}) {
    const { timeoutMs = READ_TIMEOUT_MS, threads } = options;
    const more = threads === undefined ? MORE_THREADS : 0;
    this.#threads = new ThreadPool({
      ...{ name: 'disk', threads: threads ?? THREADS, more },
      ...{ depth: DEPTH, timeoutMs },
    });
  }

  /**
   * Opens a regular file of at least one byte inside one of the roots, symbolic links and `..` resolved.
   * @param options.roots absolute directories as `resolveRoots` returns them
   * @param options.expect the version that a job has of it
   * @throws {SourceError} any of its codes but SOURCE_ROOTS_INVALID; no descriptor stays open then
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
    const opened = await this.#threads.ask(
      { kind: 'open', path, roots, expect },
      {
        doing: () => 'opening it',
        signal,
        late: ({ fd }) => void closeFile(this.#threads, path, fd),
      },
    );
    return new OpenFile(this.#threads, path, opened);
  }

  /**
   * Looks at a directory.
   * @returns undefined when it is gone
   * @throws {SourceError} SOURCE_READ_FAILED and others when that can't be told, as while its disk hangs
   * @throws {ThreadError}
   */
  async lookAt(directory: string): Promise<DirectoryLook | undefined> {
    return await this.#threads.ask({ kind: 'look', path: directory }, { doing: () => 'looking at it' });
  }

  /** Ends the threads; what is under way fails with HASHER_CLOSED. */
  async close(): Promise<void> {
    await this.#threads.close();
  }
}

/** A descriptor that `Disk.open` has checked. */
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
    return await this.#threads.ask(
      { kind: 'read', path, fd, version, target, offset, digest },
      { doing: () => `reading ${target.length} bytes at offset ${offset}`, signal },
    );
  }

  async verify(signal?: AbortSignal): Promise<void> {
    const { path, fd, version } = this;
    await this.#threads.ask({ kind: 'verify', path, fd, version }, { doing: () => 'looking at it', signal });
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd !== -1) await closeFile(this.#threads, this.path, fd);
  }
}

/** Never rejects: nothing would help but to have it closed again, which may be another file by then. */
async function closeFile(threads: ThreadPool, path: string, fd: number): Promise<void> {
  await threads
    .ask({ kind: 'close', path, fd }, { doing: () => 'closing it', mustRun: true })
    .catch(() => {});
}
