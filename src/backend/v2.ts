import { defined } from '../base/defined.ts';
import { tooManyParts } from '../upload/plan.ts';
import type { VodClient } from '../vod/client.ts';
import { type InitRequest, isPartSize, PART_SIZES } from '../vod/wire/protocol.ts';
import type { Begun, UploadBackend } from './backend.ts';
import { bindingPartSize } from './v2-part-size.ts';

/** Uploads by InitUpload, UploadPart and FinishUpload. VOD identifies a file by its SHA-1. */
export function createV2Backend(client: VodClient): UploadBackend {
  return {
    quotaActions: { init: 'InitUpload', part: 'UploadPart', finish: 'FinishUpload' },
    checkAction: 'UploadPart',
    // With smaller parts the check is repeated when VOD has set the part size.
    sizeProblem: (fileSize) => tooManyParts(fileSize, PART_SIZES[1]),
    async begin({ fileSha, fileSize }, { name, type, partSize, ...flags }, signal): Promise<Begun> {
      const requested = isPartSize(partSize) ? partSize : PART_SIZES[1];
      const request: InitRequest = {
        fileName: name,
        fileType: type,
        fileSha,
        fileSize,
        dataSize: requested,
        ...flags,
      };
      const reply = await client.initUpload(request, signal);
      if (reply.kind === 'exists') return reply;
      const received = reply.kind === 'resumable' ? reply.received : [];
      const reported = reply.kind === 'resumable' ? reply.dataSize : undefined;
      const binding = bindingPartSize({ requested, received, fileSize, ...defined({ reported }) });
      return { kind: 'send', partSize: binding, received };
    },
    async sendPart({ file: { fileSha }, offset, md5: dataMd5, body }, signal) {
      await client.uploadPart({ fileSha, offset, dataMd5, body }, signal);
    },
    finish: ({ fileSha }, signal) => client.finishUpload(fileSha, signal),
    failedFinish({ outcomeUnknown, kind }) {
      if (outcomeUnknown) return 'unknown';
      return kind === 'permanent' ? 'refused' : undefined;
    },
    checkKey: (signal) => client.checkKey(signal),
    close: () => client.close(),
  };
}
