import type { SendValue } from '../queue/jobs/init.ts';
import type { PartData } from '../queue/jobs/part.ts';
import { partAt, partCount } from '../upload/plan.ts';
import { plannedParts } from './planned-parts.ts';

/** A part to send or to compare, and the fields of its job that describe it. */
export interface PartJob {
  readonly index: number;
  readonly data: Pick<PartData, 'partSize' | 'offset' | 'dataSize' | 'listedMd5'>;
}

/**
 * The first `limit` parts that `init` asks for, except some.
 * @param isExcluded whether a part is done, or its job exists
 */
export function partJobs(
  init: SendValue,
  fileSize: number,
  { isExcluded, limit }: { readonly isExcluded: (index: number) => boolean; readonly limit: number },
): PartJob[] {
  const { partSize } = init;
  const jobs: PartJob[] = [];
  for (const { index, ...listed } of plannedParts(init, partCount(fileSize, partSize))) {
    if (jobs.length >= limit) break;
    if (isExcluded(index)) continue;
    const { offset, dataSize } = partAt(fileSize, partSize, index);
    jobs.push({ index, data: { partSize, offset, dataSize, ...listed } });
  }
  return jobs;
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
