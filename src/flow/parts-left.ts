import { formatBytes } from '../base/format.ts';
import type { Hashed } from '../queue/jobs/hash.ts';
import type { SendValue } from '../queue/jobs/init.ts';
import { bytesOf, partCount } from '../upload/plan.ts';
import { countIndices, difference, rangesOf, union } from '../upload/ranges.ts';
import { plannedRanges } from './planned-parts.ts';

/** What is left to do of the parts of an upload. */
export interface PartsLeft {
  /** Number of parts of the file. */
  readonly fileParts: number;
  /** Number of parts to send or to compare. */
  readonly count: number;
  /** Bytes that VOD has. */
  readonly bytesSent: number;
  /** For people. */
  readonly text: string;
}

/** @param doneParts indices of parts that are done but not recorded in `init` */
export function partsLeft(hashed: Hashed, init: SendValue, doneParts: readonly number[]): PartsLeft {
  const { size } = hashed.version;
  const { partSize, missing, sent = [] } = init;
  const done = rangesOf(doneParts);
  const fileParts = partCount(size, partSize);
  const count = countIndices(difference(plannedRanges(init, fileParts), done));
  const toSend = difference(missing, union(sent, done));
  const bytesToSend = bytesOf(toSend, size, partSize);
  const compared = count - countIndices(toSend);
  const comparing = compared > 0 ? `; comparing ${compared} that VOD has with the file` : '';
  const text = `sending ${countIndices(toSend)} of ${fileParts} parts, ${formatBytes(bytesToSend)}${comparing}`;
  return { fileParts, count, bytesSent: size - bytesToSend, text };
}
