/**
 * Combines the checksums of parts of a file, in any order: each is a hex number of the same length, and the whole has the
 * XOR of them. Undefined entries have no effect.
 * @returns undefined if there are no checksums
 */
export function combineChecksums(checksums: Iterable<string | undefined>): string | undefined {
  let length = 0;
  let combined = 0n;
  for (const checksum of checksums) {
    if (checksum === undefined) continue;
    length = checksum.length;
    combined ^= BigInt(`0x${checksum}`);
  }
  return length === 0 ? undefined : combined.toString(16).padStart(length, '0');
}
