import { UploaderError } from '../base/errors.ts';
import type { SendValue } from '../queue/jobs/init.ts';
import { countIndices, indicesOf } from '../upload/plan.ts';

/*
 * MD5s that VOD lists of the parts that it has, in the answer of an InitUpload that asks for them to be compared with the
 * file. One text, since an upload may have 500,000 of them.
 */

/** Bytes of an MD5. */
const MD5_BYTES = 16;

/** @param md5s each in hex. @returns base64 */
export function encodeMd5s(md5s: readonly string[]): string {
  return Buffer.concat(md5s.map((md5) => Buffer.from(md5, 'hex'))).toString('base64');
}

/**
 * How many parts are to be sent, or to be compared.
 * @param count of all parts of the file
 * @throws {UploaderError} `INVALID_JOB` when the answer does not fit a file of so many
 */
export function countPlanned({ missing, listedMd5s }: SendValue, count: number): number {
  const toSend = countIndices(missing);
  if (listedMd5s === undefined) return toSend;
  const listed = countMd5s(Buffer.from(listedMd5s, 'base64'));
  if (toSend + listed === count) return count;
  const message = `result of an init job has ${toSend} parts to send and ${listed} MD5s, of a file of ${count} parts`;
  throw new UploaderError('INVALID_JOB', message);
}

/**
 * The parts to send and to compare, in ascending order. `listedMd5`: in lower-case hex, of one to compare.
 * @param count of all parts of the file
 */
export function* plannedParts(
  { missing, listedMd5s }: SendValue,
  count: number,
): Generator<{ readonly index: number; readonly listedMd5?: string }> {
  if (listedMd5s === undefined) {
    for (const index of indicesOf(missing)) yield { index };
    return;
  }
  const md5s = Buffer.from(listedMd5s, 'base64');
  const toSend = new Set(indicesOf(missing));
  let listed = 0;
  for (let index = 0; index < count; index++) {
    if (toSend.has(index)) yield { index };
    else yield { index, listedMd5: md5s.toString('hex', listed * MD5_BYTES, ++listed * MD5_BYTES) };
  }
}

function countMd5s(md5s: Buffer): number {
  return Math.floor(md5s.length / MD5_BYTES);
}
