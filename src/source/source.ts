/**
 * The version of a file. Decimal strings, because nanoseconds and inodes don't fit a JavaScript number. Without the device,
 * which differs between machines that mount the same file system. version.ts defines which fields must agree.
 */
export interface FileVersion {
  /** Bytes. */
  readonly size: number;
  /** Modification time in nanoseconds since 1970. */
  readonly mtimeNs: string;
  readonly inode: string;
  /** Time of the last change of content, name or permissions, in nanoseconds since 1970. Older workers don't set it. */
  readonly ctimeNs?: string;
}

/** Hash functions for ranges. */
export type Digest = 'md5' | 'sha1' | 'crc64';

/** An open file. Must be closed. */
export interface FileSource {
  /** The path that was passed to `open`. */
  readonly path: string;
  /** The descriptor, valid in all threads of this process until `close`; -1 afterwards. */
  readonly fd: number;
  /** Bytes. */
  readonly size: number;
  /** The version when it was opened. */
  readonly version: FileVersion;
  /**
   * Fills `target` with the bytes from `offset` on. `target` must not be reused unless the read succeeds: a failed read
   * may still be running, and write into it at any later time.
   * @returns their digest in lower-case hex
   * @throws {SourceError} SOURCE_CHANGED when the file no longer has the version that was opened,
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
   * Checks that the open file, and the file at its path, still have the version that was opened.
   * @throws {SourceError} SOURCE_CHANGED, SOURCE_NOT_FOUND when it was deleted, SOURCE_READ_FAILED
   * @throws {ThreadError}, the signal's reason
   */
  verify(signal?: AbortSignal): Promise<void>;
  /** Never rejects. May be called again. */
  close(): Promise<void>;
}
