import { type FileHandle, stat } from 'node:fs/promises';
import { endedEarlyError, sourceErrorOf } from './errors.ts';
import type { FileSource, FileVersion } from './source.ts';
import { refuseChanges, versionOf } from './version.ts';

/** A descriptor that `openFile` has checked; it owns the handle. */
export class OpenFile implements FileSource {
  readonly path: string;
  readonly version: FileVersion;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle, version: FileVersion) {
    this.path = path;
    this.#handle = handle;
    this.version = version;
  }

  get size(): number {
    return this.version.size;
  }

  get fd(): number {
    return this.#handle.fd;
  }

  async read(target: Uint8Array, offset: number, signal?: AbortSignal): Promise<void> {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + target.length > this.size) {
      throw new RangeError(
        `${target.length} bytes at ${offset} are not within the ${this.size} of ${this.path}`,
      );
    }
    let filled = 0;
    while (filled < target.length) {
      signal?.throwIfAborted();
      const bytes = await this.#readSome(target, filled, offset + filled);
      if (bytes === 0) break;
      filled += bytes;
    }
    await this.#verifyDescriptor();
    if (filled < target.length) throw endedEarlyError(this.path, this.size, offset + filled);
  }

  async verify(): Promise<void> {
    await this.#verifyDescriptor();
    try {
      refuseChanges(this.path, this.version, versionOf(await stat(this.path, { bigint: true })));
    } catch (error) {
      throw sourceErrorOf(error, this.path, true);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #readSome(target: Uint8Array, filled: number, position: number): Promise<number> {
    try {
      return (await this.#handle.read(target, filled, target.length - filled, position)).bytesRead;
    } catch (error) {
      throw sourceErrorOf(error, this.path, true);
    }
  }

  async #verifyDescriptor(): Promise<void> {
    try {
      refuseChanges(this.path, this.version, versionOf(await this.#handle.stat({ bigint: true })));
    } catch (error) {
      throw sourceErrorOf(error, this.path, true);
    }
  }
}
