/** CRC-64/XZ: the polynomial of ECMA-182, reflected. It is what COS sends as `x-cos-hash-crc64ecma`. */
const POLYNOMIAL = 0xc96c5795d7870f42n;

/** Matrices of 64 columns over GF(2), as their columns. */
type Matrix = readonly bigint[];

const matrices = new Map<number, Matrix>();

/** The checksum of two joined byte sequences. @param secondBytes the length of the second */
export function combineCrc64(first: bigint, second: bigint, secondBytes: number): bigint {
  return apply(zerosMatrix(secondBytes), first) ^ second;
}

/** What appending this number of zero bytes does to a checksum. Parts share a size, so few matrices are kept. */
function zerosMatrix(bytes: number): Matrix {
  const known = matrices.get(bytes);
  if (known !== undefined) return known;
  let power: Matrix = [POLYNOMIAL, ...Array.from({ length: 63 }, (_, bit) => 1n << BigInt(bit))];
  for (let doubling = 0; doubling < 3; doubling += 1) power = square(power);
  let result: Matrix = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit));
  for (let left = BigInt(bytes); left > 0n; left >>= 1n) {
    if (left & 1n) result = multiply(power, result);
    power = square(power);
  }
  if (matrices.size >= 100) matrices.clear();
  matrices.set(bytes, result);
  return result;
}

function apply(matrix: Matrix, vector: bigint): bigint {
  let result = 0n;
  let bits = vector;
  for (let bit = 0; bits > 0n; bit += 1, bits >>= 1n) if (bits & 1n) result ^= matrix[bit] ?? 0n;
  return result;
}

function multiply(left: Matrix, right: Matrix): Matrix {
  return right.map((column) => apply(left, column));
}

function square(matrix: Matrix): Matrix {
  return multiply(matrix, matrix);
}
