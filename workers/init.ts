import { defined } from '../src/base/defined.ts';
import { encodeMd5s } from '../src/flow/planned-parts.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { InitData, InitValue } from '../src/queue/jobs/init.ts';
import { storedUrl } from '../src/queue/jobs/video-url.ts';
import { bindingPartSize, listedParts, missingRanges, partAt } from '../src/upload/plan.ts';
import type { IndexRange } from '../src/upload/ranges.ts';
import type { VodClient } from '../src/vod/client.ts';
import type { InitRequest } from '../src/vod/wire/protocol.ts';
import type { VodCall } from './vod-call.ts';

/** InitUpload: finds out which parts VOD has. Returns the parts to send, and the MD5s to compare before sending. */
export function initProcessor(deps: {
  readonly vod: VodClient;
  readonly call: VodCall;
}): (data: InitData, attempt: JobContext) => Promise<InitValue> {
  return async ({ hashed, video, compare = false }, { signal }) => {
    const fileSize = hashed.version.size;
    const { name, type, partSize: requested, ...flags } = video;
    const request: InitRequest = {
      fileName: name,
      fileType: type,
      fileSha: hashed.fileSha,
      fileSize,
      dataSize: requested,
      ...flags,
    };
    const reply = await deps.call.run(() => deps.vod.initUpload(request, signal));
    if (reply.kind === 'exists') return { ...reply, url: storedUrl(reply.url) };
    const received = reply.kind === 'resumable' ? reply.received : [];
    const reported = reply.kind === 'resumable' ? reply.dataSize : undefined;
    const partSize = bindingPartSize({ requested, received, fileSize, ...defined({ reported }) });
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
