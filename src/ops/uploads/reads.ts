import { UploaderError } from '../../base/errors.ts';
import { createSlots } from '../../base/slots.ts';

/** Pages that are read for at a time; others wait in their order … */
const AT_A_TIME = 2;
/** … and more than so many are refused. */
const MOST_PENDING = 64;

/**
 * Reads for whole pages: once for all who ask for the same meanwhile, and for few pages at a time, so that nobody can load
 * Redis by asking for many.
 */
export class Reads {
  readonly #slots = createSlots(AT_A_TIME);
  readonly #pending = new Map<string, Promise<unknown>>();

  /**
   * @param key the same for what reads the same
   * @throws {UploaderError} `BUSY` when too many wait already; what `read` throws
   */
  async take<T>(key: string, read: () => Promise<T>): Promise<T> {
    const shared = this.#pending.get(key);
    if (shared !== undefined) return (await shared) as T;
    if (this.#pending.size >= MOST_PENDING) {
      throw new UploaderError('BUSY', 'Too many pages are being asked for at this moment. Try again soon.');
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
