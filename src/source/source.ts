/**
 * A version of a file. Decimal strings, because nanoseconds and inodes don't fit a JavaScript number. The device is
 * left out: it differs between the machines that mount one file system. What must agree is in version.ts.
 */
export interface FileVersion {
  /** Bytes. */
  readonly size: number;
  /** Modification time in nanoseconds since 1970. */
  readonly mtimeNs: string;
  readonly inode: string;
  /** When its bytes, name or rights changed last; nanoseconds since 1970. Absent when an older worker looked. */
  readonly ctimeNs?: string;
}

/** Hash functions that ranges are read with. */
export type Digest = 'md5' | 'sha1';

/** An open file to read ranges from. Close it. */
export interface Source {
  /** Bytes. */
  readonly size: number;
  /** What the file was when it was opened. */
  readonly version: FileVersion;
  /**
   * Fills `target` with the bytes from `offset` on. `target` belongs to the read until that has succeeded: one that fails
   * may still be under way, and write into it at any later time.
   * @returns their digest in lower-case hex
   * @throws {SourceError} SOURCE_CHANGED when the file is no longer the version that was opened,
   *   SOURCE_READ_FAILED (retryable) when the disk or the mount fails or hangs
   * @throws {ThreadError} (retryable) when the thread that reads dies
   * @throws {RangeError} when the range is not within `size`
   * @throws the signal's reason, at once
   */
  read(
    target: Uint8Array<SharedArrayBuffer>,
    offset: number,
    options: { readonly digest: Digest; readonly signal?: AbortSignal | undefined },
  ): Promise<string>;
  /**
   * Checks that the open file, and what its path leads to, still are the version that was opened.
   * @throws {SourceError} SOURCE_CHANGED, SOURCE_NOT_FOUND when it was deleted, SOURCE_READ_FAILED
   * @throws {ThreadError}, the signal's reason
   */
  verify(signal?: AbortSignal): Promise<void>;
  /** Never rejects. May be called again. */
  close(): Promise<void>;
}

/** A local file, open for reading. */
export interface FileSource extends Source {
  /** As it was given to be opened. */
  readonly path: string;
  /** The descriptor, valid in every thread of this process until `close`; -1 from then on. */
  readonly fd: number;
}
