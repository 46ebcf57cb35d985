import { createHash, randomBytes } from 'node:crypto';
import { createCalls, type VodClientOptions } from './calls.ts';
import { finishParams, initParams, partParams } from './wire/params.ts';
import { answeredCode, parseFinishReply, parseInitReply, parsePartReply } from './wire/parse.ts';
import type { FinishResult, InitRequest, InitResult, PartRequest } from './wire/protocol.ts';

export type { VodClientOptions, VodObservation } from './calls.ts';
export { outcomeOf } from './calls.ts';
export type { VodTimeouts } from './http/timeouts.ts';

/**
 * The three calls of an upload. Each sends exactly one request, or none, and never repeats it. They reject with
 * VodError (the service refused) or VodTransportError (no answer; code ABORTED when `signal` aborted).
 */
export interface VodClient {
  initUpload(request: InitRequest, signal?: AbortSignal): Promise<InitResult>;
  uploadPart(request: PartRequest, signal?: AbortSignal): Promise<void>;
  /** After a failure with `outcomeUnknown`, ask `initUpload` first: it answers `exists` when this took effect. */
  finishUpload(fileSha: string, signal?: AbortSignal): Promise<FinishResult>;
  /**
   * Asks whether VOD takes the key, by a request that changes nothing: UploadPart, of which there may be most a minute,
   * for no byte of a file that nobody has.
   * @returns the code that VOD answered with; it is a refusal, but not of the account, the signature or the clock
   */
  checkKey(signal?: AbortSignal): Promise<string>;
  /** Ends idle sockets. Calls in flight go on, and so would later ones, on sockets of their own. */
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
      const part = nobodysPart();
      return run(
        {
          action: 'UploadPart',
          observedAs: 'check',
          params: partParams(part),
          body: part.body,
          parse: (...reply) => answeredCode(() => parsePartReply(...reply)),
        },
        signal,
      );
    },
    close,
  };
}

function nobodysPart(): PartRequest {
  const body = Buffer.alloc(0);
  const dataMd5 = createHash('md5').update(body).digest('hex');
  return { fileSha: randomBytes(20).toString('hex'), offset: 0, dataMd5, body };
}
