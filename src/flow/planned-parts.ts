import { UploaderError } from '../base/errors.ts';
import type { SendValue } from '../queue/jobs/init.ts';
import { countIndices, indicesOf } from '../upload/plan.ts';

/*
 * The MD5s that VOD lists of its parts are in the result of an init job if the parts are to be compared with the file. They
 * are encoded as one string, because an upload may have 500,000 of them.
 */

const MD5_BYTES = 16;

/** @param md5s in hex. @returns base64 */
export function encodeMd5s(md5s: readonly string[]): string {
  return Buffer.concat(md5s.map((md5) => Buffer.from(md5, 'hex'))).toString('base64');
}

/**
 * How many parts are to be sent or compared.
 * @param count number of parts of the file
 * @throws {UploaderError} `INVALID_JOB` if the numbers do not add up to `count`
 */
export function countPlanned({ missing, listedMd5s }: SendValue, count: number): number {
  const toSend = countIndices(missing);
  if (listedMd5s === undefined) return toSend;
  const listed = countMd5s(Buffer.from(listedMd5s, 'base64'));
  if (toSend + listed === count) return count;
  const message = `result of an init job has ${toSend} parts to send and ${listed} MD5s for a file of ${count} parts`;
  throw new UploaderError('INVALID_JOB', message);
}

/**
 * The parts to send and to compare, in ascending order. `listedMd5`: of a part to compare, in lower-case hex.
 * @param count number of parts of the file
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
