/**
 * Combines the checksums of parts of a file, in any order: each is a hex number of the same length, and the whole has the
 * XOR of them. Undefined if there are none.
 */
export function combineChecksums(checksums: Iterable<string>): string | undefined {
  let length = 0;
  let combined = 0n;
  for (const checksum of checksums) {
    length = checksum.length;
    combined ^= BigInt(`0x${checksum}`);
  }
  return length === 0 ? undefined : combined.toString(16).padStart(length, '0');
}
