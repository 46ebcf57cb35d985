import { createHash } from 'node:crypto';
import { combineCrc64, shiftCrc64 } from '../../base/crc64.ts';
import type { PieceDigest } from '../backend.ts';

/**
 * Checksums of parts in COS, whose XOR describes the whole file: 16 hex digits of CRC-64, then 16 of the set of parts. They
 * can be combined in any order, so nobody has to keep those of thousands of parts.
 */

/** The CRC-64 of a part from those of its pieces. */
export function crc64OfPieces(pieces: readonly PieceDigest[]): bigint {
  return pieces.reduce(
    (crc, { digest, byteLength }) => combineCrc64(crc, BigInt(`0x${digest}`), byteLength),
    0n,
  );
}

/**
 * @param part.crc64 of its bytes
 * @param part.bytesAfter number of bytes of the file after this part
 * @param part.etag as COS has it; undefined if it is the whole object
 */
export function partChecksum(part: {
  readonly crc64: bigint;
  readonly bytesAfter: number;
  readonly number: number;
  readonly etag: string | undefined;
}): string {
  const { crc64, bytesAfter, number, etag } = part;
  return hex(shiftCrc64(crc64, bytesAfter)) + (etag === undefined ? hex(0n) : partMark(number, etag));
}

/** The second half of the checksum of these parts. */
export function marksOf(parts: readonly { readonly partNumber: number; readonly etag: string }[]): string {
  return hex(
    parts.reduce((sum, { partNumber, etag }) => sum ^ BigInt(`0x${partMark(partNumber, etag)}`), 0n),
  );
}

/** What a combined checksum says of the file. */
export function parseChecksum(
  checksum: string | undefined,
): { readonly crc64: bigint; readonly marks: string } | undefined {
  if (checksum === undefined || !/^[0-9a-f]{32}$/.test(checksum)) return undefined;
  return { crc64: BigInt(`0x${checksum.slice(0, 16)}`), marks: checksum.slice(16) };
}

function partMark(number: number, etag: string): string {
  return createHash('sha256').update(`${number} ${etag}`).digest('hex').slice(0, 16);
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}
