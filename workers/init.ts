import type { Attempt } from '../src/queue/consumer.ts';
import type { InitData, InitValue } from '../src/queue/jobs.ts';
import { bindingPartSize, missingRanges } from '../src/upload/plan.ts';
import type { VodClient } from '../src/vod/client.ts';
import type { InitRequest } from '../src/vod/protocol.ts';
import type { VodCall } from './vod-call.ts';

/** InitUpload: asks what VOD has, and answers with what is to be sent. */
export function initProcessor(deps: {
  readonly vod: VodClient;
  readonly call: VodCall;
}): (data: InitData, attempt: Attempt) => Promise<InitValue> {
  return async ({ hashed, video }, { signal }) => {
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
    const reply = await deps.call(() => deps.vod.initUpload(request, signal));
    if (reply.kind === 'exists') return reply;
    const received = reply.kind === 'resumable' ? reply.received : [];
    const reported = reply.kind === 'resumable' ? reply.dataSize : undefined;
    const partSize = bindingPartSize({
      requested,
      received,
      fileSize,
      ...(reported !== undefined && { reported }),
    });
    const missing = missingRanges({ fileSize, partSize, received });
    return { kind: 'send', partSize, missing: missing.map(([first, last]) => [first, last]) };
  };
}
