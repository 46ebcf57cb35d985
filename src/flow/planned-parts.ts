import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import type { SendValue } from '../queue/jobs/init.ts';
import { combineChecksums } from '../upload/checksum.ts';
import {
  asArrays,
  countIndices,
  difference,
  type IndexRange,
  indicesOf,
  rangesOf,
  union,
} from '../upload/ranges.ts';

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
 * The parts that are to be sent or compared, without those that `init` records as done.
 * @param count number of parts of the file
 * @throws {UploaderError} `INVALID_JOB` if the numbers do not add up to `count`
 */
export function plannedRanges(init: SendValue, count: number): IndexRange[] {
  const { missing, listedMd5s, sent = [], same = [] } = init;
  const done = union(sent, same);
  if (listedMd5s === undefined) return difference(missing, done);
  const toSend = countIndices(missing);
  const listed = countMd5s(listedMd5s);
  if (toSend + listed === count) return difference([[0, count - 1]], done);
  const message = `result of an init job has ${toSend} parts to send and ${listed} MD5s for a file of ${count} parts`;
  throw new UploaderError('INVALID_JOB', message);
}

/** The parts of {@link plannedRanges}, ascending. `listedMd5`: of a part to compare, in lower-case hex. */
export function* plannedParts(
  init: SendValue,
  count: number,
): Generator<{ readonly index: number; readonly listedMd5?: string }> {
  const planned = plannedRanges(init, count);
  if (init.listedMd5s === undefined) {
    for (const index of indicesOf(planned)) yield { index };
    return;
  }
  const md5s = Buffer.from(init.listedMd5s, 'base64');
  let nextRange = 0;
  /** The number of parts to send before `index`. They have no MD5. */
  let toSend = 0;
  for (const index of indicesOf(planned)) {
    let [first, last] = init.missing[nextRange] ?? [count, count];
    while (last < index) {
      toSend += last - first + 1;
      [first, last] = init.missing[++nextRange] ?? [count, count];
    }
    if (index >= first) {
      yield { index };
      continue;
    }
    const at = (index - toSend) * MD5_BYTES;
    yield { index, listedMd5: md5s.toString('hex', at, at + MD5_BYTES) };
  }
}

/**
 * Records parts of this round as done, so that their own results are not needed any more. If no part is compared, they are
 * no longer `missing`: a worker that does not know `sent` and `same` does not send them again.
 */
export function recordDone(
  init: SendValue,
  done: {
    readonly sent: readonly number[];
    readonly same: readonly number[];
    readonly checksums: readonly string[];
  },
): SendValue {
  const sent = union(init.sent ?? [], rangesOf(done.sent));
  const same = difference(union(init.same ?? [], rangesOf(done.same)), sent);
  const missing = init.listedMd5s === undefined ? difference(init.missing, sent) : init.missing;
  return {
    ...init,
    missing: asArrays(missing),
    sent: asArrays(sent),
    ...(same.length > 0 && { same: asArrays(same) }),
    ...defined({ checksum: combineChecksums([init.checksum, ...done.checksums]) }),
  };
}

function countMd5s(base64: string): number {
  return Math.floor(Buffer.byteLength(base64, 'base64') / MD5_BYTES);
}
