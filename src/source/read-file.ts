/*
 * Reads source files. Blocks, for ever if a disk hangs, so it runs in threads of our own.
 */
import { createHash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import { type Crc64, createCrc64 } from '../base/crc64.ts';
import { endedEarlyError } from './errors.ts';
import type { OpenedFile } from './open-file.ts';
import type { Digest } from './source.ts';
import { checkUnchanged, versionOf } from './version.ts';

/**
 * Fills `target` with the bytes from `offset` on.
 * @throws {SourceError} SOURCE_CHANGED when the file no longer has the version that was opened
 */
export function readRange(
  { path, fd, version }: OpenedFile & { readonly path: string },
  target: Uint8Array,
  offset: number,
): void {
  const bytes = fill(target, fd, offset);
  checkUnchanged(path, version, versionOf(fstatSync(fd, { bigint: true })), 'file');
  if (bytes < target.length) throw endedEarlyError(path, version.size, offset + bytes);
}

let crc64: Crc64 | undefined;

/** Loads the code for CRC-64, which few processes need: call it before the first {@link digestOf} of that kind. */
export async function loadCrc64(): Promise<void> {
  crc64 = await createCrc64();
}

export function isLoaded(digest: Digest): boolean {
  return digest !== 'crc64' || crc64 !== undefined;
}

/** @returns in lower-case hex */
export function digestOf(bytes: Uint8Array, digest: Digest): string {
  if (digest !== 'crc64') return createHash(digest).update(bytes).digest('hex');
  crc64?.update(bytes);
  return (crc64?.digest() ?? 0n).toString(16).padStart(16, '0');
}

/** Small enough that the bytes are still in the CPU cache when they are hashed. */
const BUFFER_BYTES = 256 * 1024;
/** Bytes between two calls of `onProgress`. */
const PROGRESS_BYTES = 1024 * 1024;

/**
 * SHA-1 of a whole file, in lower-case hex.
 * @param onProgress called with the bytes hashed so far after each MiB except the last; returns false to stop
 * @returns undefined when it was stopped
 * @throws {SourceError} SOURCE_CHANGED when the file has fewer bytes than `size`
 */
export function hashFile(
  { path, fd, size }: { readonly path: string; readonly fd: number; readonly size: number },
  onProgress: (bytesHashed: number) => boolean,
): string | undefined {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const sha1 = createHash('sha1');
  let bytesHashed = 0;
  while (bytesHashed < size) {
    const target = buffer.subarray(0, size - bytesHashed);
    const bytes = fill(target, fd, bytesHashed);
    sha1.update(target.subarray(0, bytes));
    bytesHashed += bytes;
    if (bytes < target.length) throw endedEarlyError(path, size, bytesHashed);
    const isStep = bytesHashed % PROGRESS_BYTES === 0 && bytesHashed < size;
    if (isStep && !onProgress(bytesHashed)) return undefined;
  }
  return sha1.digest('hex');
}

/** @returns how many bytes were read: fewer than the length of `target` if the file ends early */
function fill(target: Uint8Array, fd: number, offset: number): number {
  let filled = 0;
  while (filled < target.length) {
    const bytes = readSync(fd, target, filled, target.length - filled, offset + filled);
    if (bytes === 0) break;
    filled += bytes;
  }
  return filled;
}
