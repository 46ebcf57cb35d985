import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { crc64 } from 'hash-wasm';
import { describe, expect, test } from 'vitest';
import { combineCrc64, createCrc64, shiftCrc64 } from '../../../src/base/crc64.ts';

async function crcOf(bytes: Uint8Array): Promise<bigint> {
  return BigInt(`0x${await crc64(bytes)}`);
}

const data = fc.uint8Array({ maxLength: 5000 });

describe('createCrc64', () => {
  test('is CRC-64/XZ: its published check value', async () => {
    const crc = await createCrc64();
    crc.update(Buffer.from('123456789'));
    expect(crc.digest()).toBe(0x995dc9bbdf1939fan);
    expect(crc.digest()).toBe(0n);
  });

  test('takes data in any pieces, and begins anew after each digest', async () => {
    const crc = await createCrc64();
    await fc.assert(
      fc.asyncProperty(fc.array(data, { maxLength: 10 }), async (pieces) => {
        for (const piece of pieces) crc.update(piece);
        expect(crc.digest()).toBe(await crcOf(Buffer.concat(pieces)));
      }),
    );
  });

  test('two of them do not disturb each other', async () => {
    const [one, other] = [await createCrc64(), await createCrc64()];
    one.update(Buffer.from('1234'));
    other.update(Buffer.from('anything'));
    one.update(Buffer.from('56789'));
    expect(one.digest()).toBe(0x995dc9bbdf1939fan);
    expect(other.digest()).toBe(await crcOf(Buffer.from('anything')));
  });

  test('works in a worker thread', async () => {
    const url = new URL('../../../src/base/crc64.ts', import.meta.url).href;
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
      import(${JSON.stringify(url)}).then(async ({ createCrc64 }) => {
        const crc = await createCrc64();
        crc.update(Buffer.from('123456789'));
        parentPort.postMessage(crc.digest());
      });`,
      { eval: true },
    );
    const [crc] = await new Promise<[bigint]>((resolve, reject) => {
      worker.once('message', (value) => resolve([value]));
      worker.once('error', reject);
    });
    await worker.terminate();
    expect(crc).toBe(0x995dc9bbdf1939fan);
  });
});

describe('combineCrc64', () => {
  test('of any split is the CRC of the whole', async () => {
    await fc.assert(
      fc.asyncProperty(data, data, async (a, b) => {
        const whole = await crcOf(Buffer.concat([a, b]));
        expect(combineCrc64(await crcOf(a), await crcOf(b), b.length)).toBe(whole);
      }),
    );
  });

  test('of many parts is the CRC of the whole, in whatever order they are added', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(data, { minLength: 1, maxLength: 8 }), async (parts) => {
        let rest = parts.reduce((sum, { length }) => sum + length, 0);
        const added: bigint[] = [];
        for (const part of parts) {
          rest -= part.length;
          added.push(shiftCrc64(await crcOf(part), rest));
        }
        expect(added.reverse().reduce((sum, one) => sum ^ one, 0n)).toBe(await crcOf(Buffer.concat(parts)));
      }),
    );
  });

  test('of lengths of many GiB: two steps are as good as one', () => {
    const bytes = fc.integer({ min: 0, max: 2 ** 51 });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), bytes, bytes, (crc, n, m) => {
        expect(shiftCrc64(shiftCrc64(crc, n), m)).toBe(shiftCrc64(crc, n + m));
      }),
    );
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 53])('refuses a length of %d bytes', (bytes) => {
    expect(() => shiftCrc64(1n, bytes)).toThrow(RangeError);
  });
});
