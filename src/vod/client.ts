import { createHash, randomBytes } from 'node:crypto';
import { createCalls, type VodClientOptions } from './calls.ts';
import { keyCheckParser } from './wire/key-check.ts';
import { finishParams, initParams, partParams } from './wire/params.ts';
import { parseFinishReply, parseInitReply, parsePartReply } from './wire/parse-upload.ts';
import type { FinishResult, InitRequest, InitResult, PartRequest } from './wire/protocol.ts';

export type { VodClientOptions } from './calls.ts';
export type { VodTimeouts } from './http/timeouts.ts';
export type { VodObservation } from './requests.ts';
export { outcomeOf } from './requests.ts';

/**
 * The three calls of an upload. Each sends at most one request and never repeats it. They reject with VodError (the
 * service refused) or VodTransportError (no answer; code ABORTED when `signal` aborted).
 */
export interface VodClient {
  initUpload(request: InitRequest, signal?: AbortSignal): Promise<InitResult>;
  uploadPart(request: PartRequest, signal?: AbortSignal): Promise<void>;
  /** After a failure with `outcomeUnknown`, call `initUpload` first: it returns `exists` if this took effect. */
  finishUpload(fileSha: string, signal?: AbortSignal): Promise<FinishResult>;
  /**
   * Checks whether VOD accepts the key, by a request that changes nothing: UploadPart, which has the largest quota, with
   * an empty part of a file that does not exist.
   * @returns the code of VOD's answer: 0, or a refusal of anything but the account, the signature or the clock
   */
  checkKey(signal?: AbortSignal): Promise<string>;
  /** Closes idle sockets. Calls in flight continue; later calls open new sockets. */
  close(): void;
}

/** A client for one account. Throws UploaderError (INVALID_ENDPOINT). */
export function createVodClient(options: VodClientOptions): VodClient {
  const { run, close } = createCalls(options);
  return {
    initUpload: (init, signal) =>
      run({ action: 'InitUpload', params: initParams(init), parse: parseInitReply }, signal),
    uploadPart: (part, signal) =>
      run({ action: 'UploadPart', params: partParams(part), body: part.body, parse: parsePartReply }, signal),
    finishUpload: (fileSha, signal) =>
      run({ action: 'FinishUpload', params: finishParams(fileSha), parse: parseFinishReply }, signal),
    checkKey: (signal) => {
      const part = missingPart();
      return run(
        {
          action: 'UploadPart',
          observedAs: 'check',
          params: partParams(part),
          body: part.body,
          parse: keyCheckParser(parsePartReply),
        },
        signal,
      );
    },
    close,
  };
}

/** An empty part of a file that does not exist. */
function missingPart(): PartRequest {
  const body = Buffer.alloc(0);
  const dataMd5 = createHash('md5').update(body).digest('hex');
  return { fileSha: randomBytes(20).toString('hex'), offset: 0, dataMd5, body };
}
