/**
 * A version of a file: as long as all of these agree, its bytes are taken to be the same. Decimal strings, because
 * nanoseconds and inodes don't fit a JavaScript number. The device is left out: it differs between the machines
 * that mount one file system.
 */
export interface FileVersion {
  /** Bytes. */
  readonly size: number;
  /** Modification time in nanoseconds since 1970. */
  readonly mtimeNs: string;
  readonly inode: string;
}

/** An open file to read ranges from. Close it. */
export interface Source {
  /** Bytes. */
  readonly size: number;
  /** What the file was when it was opened. */
  readonly version: FileVersion;
  /**
   * Fills `target` with the bytes from `offset` on. `target` belongs to the read until it has settled.
   * @throws {SourceError} SOURCE_CHANGED when the file is no longer the version that was opened,
   *   SOURCE_READ_FAILED (retryable) when the disk or the mount fails
   * @throws {RangeError} when the range is not within `size`
   * @throws the signal's reason
   */
  read(target: Uint8Array, offset: number, signal?: AbortSignal): Promise<void>;
  /**
   * Checks that the open file, and what its path leads to, still are the version that was opened.
   * @throws {SourceError} SOURCE_CHANGED, SOURCE_NOT_FOUND when it was deleted, SOURCE_READ_FAILED
   */
  verify(): Promise<void>;
  /** May be called again. */
  close(): Promise<void>;
}

/** A local file, open for reading. */
export interface FileSource extends Source {
  /** As it was given to `openFile`. */
  readonly path: string;
  /** The descriptor, valid in every thread of this process until `close`; -1 from then on. */
  readonly fd: number;
}
