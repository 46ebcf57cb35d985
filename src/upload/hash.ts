import { createHash } from 'node:crypto';
import type { FileSource } from '../source/source.ts';
import { HashThreads } from './hash-threads.ts';

export interface Hasher {
  /**
   * The SHA-1 of a whole file in lower-case hex. The source must stay open until it has settled.
   * @param options.onProgress called with the bytes hashed so far, at most every `progressMs`, and once with all of
   *   them at the end; must not throw
   * @throws {SourceError} SOURCE_CHANGED or SOURCE_NOT_FOUND when the file is not the same one before and after,
   *   SOURCE_READ_FAILED
   * @throws {HashError} (retryable) when the thread dies or the hasher is closed
   * @throws the signal's reason, at once
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

/** Up to here a file is hashed where it is asked for: it takes about a millisecond, less than waiting for a thread. */
const INLINE_MAX_BYTES = 1024 * 1024;

const PROGRESS_MS = 250;

/**
 * Hashes files in worker threads, so that the caller's event loop stays free whatever their size. Threads start
 * with the first file that needs one and don't keep the process alive while they have nothing to do.
 * @param options.threads files hashed at the same time, 2 if not given; more wait their turn in order, but for a small
 *   one, which passes large ones that keep all threads busy
 * @param options.progressMs 250 if not given
 */
export function createHasher(
  options: { readonly threads?: number | undefined; readonly progressMs?: number | undefined } = {},
): Hasher {
  const threads = new HashThreads(options.threads ?? 2, options.progressMs ?? PROGRESS_MS);
  return {
    async hash(source, { signal, onProgress } = {}) {
      signal?.throwIfAborted();
      await source.verify();
      const fileSha =
        source.size <= INLINE_MAX_BYTES
          ? await hashInline(source, signal)
          : await threads.hash(source, { signal, onProgress });
      await source.verify();
      onProgress?.(source.size);
      return fileSha;
    },
    close: () => threads.close(),
  };
}

async function hashInline(source: FileSource, signal: AbortSignal | undefined): Promise<string> {
  const bytes = Buffer.allocUnsafe(source.size);
  await source.read(bytes, 0, signal);
  return createHash('sha1').update(bytes).digest('hex');
}
