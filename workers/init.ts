import type { UploadBackend } from '../src/backend/backend.ts';
import { encodeMd5s } from '../src/flow/planned-parts.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { InitData, InitValue } from '../src/queue/jobs/init.ts';
import { storedUrl } from '../src/queue/jobs/video-url.ts';
import { listedParts, missingRanges, partAt } from '../src/upload/plan.ts';
import type { IndexRange } from '../src/upload/ranges.ts';
import type { VodCall } from './vod-call.ts';

/** Finds out which parts VOD has. Returns the parts to send, and the MD5s to compare before sending. */
export function initProcessor(deps: {
  readonly backend: UploadBackend;
  readonly call: VodCall;
}): (data: InitData, attempt: JobContext) => Promise<InitValue> {
  return async ({ uploadId, hashed, video, compare = false }, { signal }) => {
    const { fileSha, version } = hashed;
    const fileSize = version.size;
    const file = { uploadId, fileSize, fileSha };
    const begun = await deps.call.run(() => deps.backend.begin(file, video, signal));
    if (begun.kind === 'exists') return { ...begun, url: storedUrl(begun.url) };
    const { partSize, received } = begun;
    const plan = { fileSize, partSize };
    if (!compare) return { kind: 'send', partSize, missing: asArrays(missingRanges({ ...plan, received })) };
    const listed = listedParts({ ...plan, received });
    const held = listed.map(({ index }) => partAt(fileSize, partSize, index));
    const missing = asArrays(missingRanges({ ...plan, received: held }));
    return { kind: 'send', partSize, missing, listedMd5s: encodeMd5s(listed.map(({ dataMd5 }) => dataMd5)) };
  };
}

const asArrays = (ranges: readonly IndexRange[]): [number, number][] =>
  ranges.map(([first, last]) => [first, last]);
