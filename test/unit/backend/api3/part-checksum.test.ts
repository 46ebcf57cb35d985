import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  crc64OfPieces,
  marksOf,
  parseChecksum,
  partChecksum,
} from '../../../../src/backend/api3/part-checksum.ts';
import { createCrc64 } from '../../../../src/base/crc64.ts';
import { combineChecksums } from '../../../../src/upload/checksum.ts';

it('of all parts, in any order, is the CRC-64 of the file and names its parts', async () => {
  const crc64 = await createCrc64();
  const of = (bytes: Uint8Array): bigint => {
    crc64.update(bytes);
    return crc64.digest();
  };
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 500 }),
      fc.integer({ min: 1, max: 60 }),
      fc.nat(),
      (file, partSize, turn) => {
        const parts = Array.from({ length: Math.ceil(file.length / partSize) }, (_, index) => {
          const bytes = file.subarray(index * partSize, (index + 1) * partSize);
          const bytesAfter = file.length - index * partSize - bytes.length;
          const etag = `etag of ${index}`;
          return {
            partNumber: index + 1,
            etag,
            checksum: partChecksum({ crc64: of(bytes), bytesAfter, number: index + 1, etag }),
          };
        });
        const turned = parts.map((_, index) => parts[(index + turn) % parts.length]?.checksum ?? '');
        const combined = parseChecksum(combineChecksums(turned) ?? '');
        expect(combined).toEqual({ crc64: of(file), marks: marksOf(parts) });
        const changed = parts.map((part, index) => (index === 0 ? { ...part, etag: 'other' } : part));
        expect(marksOf(changed)).not.toBe(combined?.marks);
      },
    ),
  );
});

it('of a part comes from its pieces', async () => {
  const crc64 = await createCrc64();
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index % 256);
  const pieces = [0, 300, 600, 900].map((from) => {
    const piece = bytes.subarray(from, from + 300);
    crc64.update(piece);
    return { byteLength: piece.length, digest: crc64.digest().toString(16).padStart(16, '0') };
  });
  crc64.update(bytes);
  expect(crc64OfPieces(pieces)).toBe(crc64.digest());
});

it('is refused if it is none', () => {
  expect(['', 'x', '0'.repeat(31), `${'0'.repeat(31)}G`].map(parseChecksum)).toEqual(
    Array(4).fill(undefined),
  );
});
