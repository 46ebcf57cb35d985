import { READ_TIMEOUT_MS } from '../source/deadline-queue.ts';
import type { FileSource } from '../source/source.ts';
import { ThreadPool } from '../source/thread-pool.ts';

export interface Hasher {
  /**
   * The SHA-1 of a whole file in lower-case hex. The source must stay open until it has settled.
   * @param options.onProgress called with the bytes hashed so far, at most every `progressMs`, and once with all of
   *   them at the end; must not throw
   * @throws {SourceError} SOURCE_CHANGED or SOURCE_NOT_FOUND when the file is not the same one before and after,
   *   SOURCE_READ_FAILED
   * @throws {ThreadError} (retryable) when the thread dies or the hasher is closed
   * @throws the signal's reason, at once. The descriptor may be closed then, and its number be given to another file: a
   *   read of the thread that comes too late moves no file's position, and what it got is thrown away.
   */
  hash(
    source: FileSource,
    options?: {
      readonly signal?: AbortSignal | undefined;
      readonly onProgress?: ((bytesHashed: number) => void) | undefined;
    },
  ): Promise<string>;
  /** Ends the threads; hashes that are under way or waiting fail with HASHER_CLOSED. May be called again. */
  close(): Promise<void>;
}

/** Up to here a file is hashed as a part is read. */
const TINY_BYTES = 1024 * 1024;

/** Up to here a file is hashed in a fraction of a second. */
const SMALL_BYTES = 64 * 1024 * 1024;

/** Often enough to show that a disk does not hang. */
const PROGRESS_MS = 250;

/**
 * Hashes files in threads, so that the caller's event loop stays free whatever their size. Threads start with the first
 * file that needs one and don't keep the process alive while they have nothing to do.
 * @param options.threads files hashed at the same time, 2 if not given; more wait their turn in order, but for a small
 *   one, which passes large ones that keep all threads busy
 * @param options.timeoutMs for each read; 60,000 if not given
 * @param options.progressMs far less than `timeoutMs`; 250 if not given
 * @throws {RangeError} unless `threads` is a whole number ≥ 1
 */
export function createHasher(
  options: {
    readonly threads?: number | undefined;
    readonly timeoutMs?: number | undefined;
    readonly progressMs?: number | undefined;
  } = {},
): Hasher {
  const { threads = 2, timeoutMs = READ_TIMEOUT_MS, progressMs = PROGRESS_MS } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`threads must be 1 or more, not ${threads}`);
  }
  const pool = new ThreadPool({ name: 'hash', threads, depth: 1, smallLane: true, timeoutMs });

  async function hashInThread(
    { path, fd, size }: FileSource,
    signal: AbortSignal | undefined,
    onProgress: ((bytesHashed: number) => void) | undefined,
  ): Promise<string> {
    let bytesHashed = 0;
    const fileSha = await pool.ask(
      { kind: 'hash', path, fd, size, progressMs },
      {
        doing: () => `reading from offset ${bytesHashed} on`,
        signal,
        isSmall: size <= SMALL_BYTES,
        onProgress: (bytes) => {
          bytesHashed = bytes;
          onProgress?.(bytes);
        },
      },
    );
    // It is undefined only when nobody waits for it.
    return fileSha as string;
  }

  return {
    async hash(source, { signal, onProgress } = {}) {
      signal?.throwIfAborted();
      await source.verify(signal);
      const { size } = source;
      const fileSha =
        size <= TINY_BYTES
          ? await source.read(new Uint8Array(new SharedArrayBuffer(size)), 0, { digest: 'sha1', signal })
          : await hashInThread(source, signal, onProgress);
      await source.verify(signal);
      onProgress?.(size);
      return fileSha;
    },
    close: () => pool.close(),
  };
}
