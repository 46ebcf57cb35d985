import { createCalls, type VodClientOptions } from './calls.ts';
import { finishParams, initParams, partParams } from './params.ts';
import { parseFinishReply, parseInitReply, parsePartReply } from './parse.ts';
import type { FinishResult, InitRequest, InitResult, PartRequest } from './protocol.ts';

export type { VodClientOptions, VodObservation } from './calls.ts';
export { outcomeOf } from './calls.ts';
export type { VodTimeouts } from './timeouts.ts';

/**
 * The three calls of an upload. Each sends exactly one request, or none, and never repeats it. They reject with
 * VodError (the service refused) or VodTransportError (no answer; code ABORTED when `signal` aborted).
 */
export interface VodClient {
  initUpload(request: InitRequest, signal?: AbortSignal): Promise<InitResult>;
  uploadPart(request: PartRequest, signal?: AbortSignal): Promise<void>;
  /** After a failure with `outcomeUnknown`, ask `initUpload` first: it answers `exists` when this took effect. */
  finishUpload(fileSha: string, signal?: AbortSignal): Promise<FinishResult>;
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
    close,
  };
}
