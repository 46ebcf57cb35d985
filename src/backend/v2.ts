import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import { tooManyParts } from '../upload/plan.ts';
import type { VodClient } from '../vod/client.ts';
import { type InitRequest, isPartSize, PART_SIZES } from '../vod/wire/protocol.ts';
import type { Begun, UploadBackend } from './backend.ts';
import { unsupportedOptions } from './unsupported.ts';
import { bindingPartSize } from './v2-part-size.ts';

/** Uploads by InitUpload, UploadPart and FinishUpload. VOD identifies a file by its SHA-1, so there are no sessions. */
export function createV2Backend(client: VodClient): UploadBackend {
  return {
    quotaActions: { init: 'InitUpload', part: 'UploadPart', finish: 'FinishUpload' },
    checkAction: 'UploadPart',
    needsSha1: true,
    knowsContents: true,
    partDigest: 'md5',
    // With smaller parts the check is repeated when VOD has set the part size.
    sizeProblem: (fileSize) => tooManyParts(fileSize, PART_SIZES[1]),
    async begin({ file, video, readCover }, _memo, signal): Promise<Begun> {
      const problem = unsupportedOptions('v2', video, readCover !== undefined);
      if (problem !== undefined) throw new UploaderError('UNSUPPORTED_OPTION', problem);
      const { name, type, partSize = PART_SIZES[1], ...flags } = video;
      if (!isPartSize(partSize)) {
        const message = `partSize is ${partSize}: with VOD_API=v2 it must be ${PART_SIZES.join(' or ')}`;
        throw new UploaderError('PART_SIZE', message);
      }
      const request: InitRequest = {
        fileName: name,
        fileType: type,
        fileSha: sha1Of(file),
        fileSize: file.fileSize,
        dataSize: partSize,
        ...flags,
      };
      const reply = await client.initUpload(request, signal);
      if (reply.kind === 'exists') return reply;
      const received = reply.kind === 'resumable' ? reply.received : [];
      const reported = reply.kind === 'resumable' ? reply.dataSize : undefined;
      const parts = { requested: partSize, received, fileSize: file.fileSize, ...defined({ reported }) };
      return { kind: 'send', partSize: bindingPartSize(parts), received };
    },
    async sendPart({ upload, offset, body: { whole, byteLength } }, signal) {
      if (whole === undefined)
        throw new UploaderError('PART_SIZE', `a part of ${byteLength} bytes is too large for VOD_API=v2`);
      const part = { fileSha: sha1Of(upload), offset, dataMd5: whole.digest, body: whole.bytes };
      await client.uploadPart(part, signal);
      return undefined;
    },
    checksumOf: async () => undefined,
    finish: (upload, _checksum, _memo, signal) => client.finishUpload(sha1Of(upload), signal),
    failedFinish({ outcomeUnknown, kind }) {
      if (outcomeUnknown) return 'unknown';
      return kind === 'permanent' ? 'refused' : undefined;
    },
    async abandon() {},
    checkKey: (signal) => client.checkKey(signal),
    close: () => client.close(),
  };
}

/** The SHA-1 is missing in an upload that workers with another VOD_API have begun. A retry begins anew and computes it. */
function sha1Of({ fileSha }: { readonly fileSha?: string }): string {
  if (fileSha !== undefined) return fileSha;
  const message =
    'the upload was begun by a worker with another VOD_API: set the same one for all workers, and retry it';
  throw new UploaderError('OTHER_API', message, { retryable: true });
}
