import { UploaderError } from '../../base/errors.ts';
import { createSlots } from '../../base/slots.ts';

/** Reads at a time; others wait in order. */
const CONCURRENCY = 2;
/** With this many pending, further reads are refused. */
const MAX_PENDING = 64;

/**
 * Reads for complete pages. Simultaneous requests for the same page share one read, and few reads run at a time, so that
 * nobody can overload Redis by requesting many pages.
 */
export class LimitedReads {
  readonly #slots = createSlots(CONCURRENCY);
  readonly #pending = new Map<string, Promise<unknown>>();

  /**
   * @param key equal keys share a read
   * @throws {UploaderError} `BUSY` when too many are pending; and what `read` throws
   */
  async take<T>(key: string, read: () => Promise<T>): Promise<T> {
    const shared = this.#pending.get(key);
    if (shared !== undefined) return (await shared) as T;
    if (this.#pending.size >= MAX_PENDING) {
      throw new UploaderError('BUSY', 'Too many pages are being requested. Try again soon.');
    }
    const reading = this.#read(read).finally(() => this.#pending.delete(key));
    this.#pending.set(key, reading);
    return await reading;
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    const release = await this.#slots.acquire();
    try {
      return await read();
    } finally {
      release();
    }
  }
}
