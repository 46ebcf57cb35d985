import fc from 'fast-check';
import { createCRC64 } from 'hash-wasm';
import { expect, test } from 'vitest';
import { combineCrc64 } from '../../../../src/emulator/state/crc64.ts';

const hash = await createCRC64();
const crc64 = (bytes: Uint8Array): bigint => BigInt(`0x${hash.init().update(bytes).digest('hex')}`);

test('the checksum is CRC-64/XZ', () => {
  expect(crc64(Buffer.from('123456789'))).toBe(0x995dc9bbdf1939fan);
});

test('combines to the checksum of the joined bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 3000 });
  fc.assert(
    fc.property(bytes, bytes, (first, second) => {
      const combined = combineCrc64(crc64(first), crc64(second), second.length);
      expect(combined).toBe(crc64(Buffer.concat([first, second])));
    }),
  );
});
