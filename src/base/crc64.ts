import { createCRC64 } from 'hash-wasm';

/** The CRC-64 of object storage (`x-cos-hash-crc64ecma`): CRC-64/XZ, the reflected polynomial of ECMA-182. */
export interface Crc64 {
  update(bytes: Uint8Array): void;
  /** The CRC of all bytes since the last digest; 0 if there were none. The next `update` begins anew. */
  digest(): bigint;
}

/** Loads the code of the hash, which takes a few milliseconds; what it returns is synchronous and can be reused. */
export async function createCrc64(): Promise<Crc64> {
  const hash = await createCRC64();
  hash.init();
  return {
    update: (bytes) => void hash.update(bytes),
    digest() {
      const crc = BigInt(`0x${hash.digest()}`);
      hash.init();
      return crc;
    },
  };
}

/** The polynomial without x⁶⁴; the highest bit is the coefficient of x⁰. */
const POLYNOMIAL = 0xc96c5795d7870f42n;
const ONE = 1n << 63n;

/** The product of two polynomials, modulo {@link POLYNOMIAL}. */
function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  let shifted = b;
  for (let bit = ONE; bit !== 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= shifted;
    shifted = (shifted & 1n) === 0n ? shifted >> 1n : (shifted >> 1n) ^ POLYNOMIAL;
  }
  return product;
}

/** At index k: what 2ᵏ zero bytes multiply a CRC by, x to the power of 8 × 2ᵏ. */
const POWERS: bigint[] = [ONE >> 8n];

function power(k: number): bigint {
  for (let known = POWERS.length; known <= k; known++) {
    const last = POWERS[known - 1] ?? 0n;
    POWERS.push(multiply(last, last));
  }
  return POWERS[k] ?? 0n;
}

/** What the data of this CRC adds to the CRC of a whole in which `bytes` more bytes come after it. */
export function shiftCrc64(crc: bigint, bytes: number): bigint {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`not a number of bytes: ${bytes}`);
  let shifted = crc;
  for (let rest = bytes, k = 0; rest > 0; rest = Math.floor(rest / 2), k++) {
    if (rest % 2 === 1) shifted = multiply(shifted, power(k));
  }
  return shifted;
}

/** The CRC of two pieces of data together, from their CRCs and the length of the second. */
export function combineCrc64(first: bigint, second: bigint, bytesOfSecond: number): bigint {
  return shiftCrc64(first, bytesOfSecond) ^ second;
}
