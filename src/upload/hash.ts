import { READ_TIMEOUT_MS } from '../source/deadline-queue.ts';
import type { FileSource } from '../source/source.ts';
import { ThreadPool } from '../source/thread-pool.ts';
import { ThreadSet } from '../source/thread-set.ts';

export interface Hasher {
  /**
   * The SHA-1 of a whole file in lower-case hex. The source must stay open until this has settled.
   * @param options.onProgress called with the bytes hashed so far, at most every `progressMs`, and once with all bytes at
   *   the end; must not throw
   * @throws {SourceError} SOURCE_CHANGED or SOURCE_NOT_FOUND when the file changed in the meantime, SOURCE_READ_FAILED
   * @throws {ThreadError} (retryable) when the thread dies or the hasher is closed
   * @throws the signal's reason, at once. The descriptor may then be closed and reused for another file: a late read in
   *   the thread moves no file position, and its result is ignored.
   */
  hash(
    source: FileSource,
    options?: {
      readonly signal?: AbortSignal | undefined;
      readonly onProgress?: ((bytesHashed: number) => void) | undefined;
    },
  ): Promise<string>;
  /** Ends the threads of its set; pending hashes fail with HASHER_CLOSED. May be called again. */
  close(): Promise<void>;
}

/** Files up to this size are read at once, like a part. */
const TINY_BYTES = 1024 * 1024;

/** Files up to this size are hashed in a fraction of a second. */
const SMALL_BYTES = 64 * 1024 * 1024;

/** Often enough to show that a disk does not hang. */
const PROGRESS_MS = 250;

/**
 * Hashes files in threads, so that the event loop is never blocked. Threads are started when needed and don't keep the
 * process alive while idle.
 * @param options.threads files hashed at a time; default 2. Other files wait in order, except that one small file may
 *   start while large ones keep all threads busy
 * @param options.timeoutMs for each read; default 60,000
 * @param options.progressMs far less than `timeoutMs`; default 250
 * @param options.set the threads to use; default: threads of its own
 * @throws {RangeError} unless `threads` is a whole number ≥ 1
 */
export function createHasher(
  options: {
    readonly threads?: number | undefined;
    readonly timeoutMs?: number | undefined;
    readonly progressMs?: number | undefined;
    readonly set?: ThreadSet | undefined;
  } = {},
): Hasher {
  const {
    threads = 2,
    timeoutMs = READ_TIMEOUT_MS,
    progressMs = PROGRESS_MS,
    set = new ThreadSet('hash'),
  } = options;
  if (!Number.isInteger(threads) || threads < 1) {
    throw new RangeError(`threads must be 1 or more, not ${threads}`);
  }
  const pool = new ThreadPool({ set, threads, depth: 1, smallLane: true, timeoutMs });

  async function hashInThread(
    { path, fd, size }: FileSource,
    signal: AbortSignal | undefined,
    onProgress: ((bytesHashed: number) => void) | undefined,
  ): Promise<string> {
    let bytesHashed = 0;
    const fileSha = await pool.run(
      { kind: 'hash', path, fd, size, progressMs },
      {
        describe: () => `reading from offset ${bytesHashed} on`,
        signal,
        isSmall: size <= SMALL_BYTES,
        onBytes: (bytes) => {
          bytesHashed = bytes;
          onProgress?.(bytes);
        },
      },
    );
    // Undefined only after an abort, when this has rejected already.
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
