import type { SendValue } from '../queue/jobs/init.ts';
import type { PartData } from '../queue/jobs/part.ts';
import { partAt, partCount } from '../upload/plan.ts';
import { plannedParts } from './planned-parts.ts';

/** A part to send or to compare, and the fields of its job that describe it. */
interface PartJob {
  readonly index: number;
  readonly data: Pick<PartData, 'partSize' | 'offset' | 'dataSize' | 'listedMd5'>;
}

/** The parts that `init` asks for, without those that are done. A generator, because there may be 500,000. */
export function* partJobs(init: SendValue, fileSize: number, done: ReadonlySet<number>): Generator<PartJob> {
  const { partSize } = init;
  for (const { index, ...listed } of plannedParts(init, partCount(fileSize, partSize))) {
    if (done.has(index)) continue;
    const { offset, dataSize } = partAt(fileSize, partSize, index);
    yield { index, data: { partSize, offset, dataSize, ...listed } };
  }
}

/** Groups the items into arrays of up to `size`. */
export function* batches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    if (batch.push(item) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
