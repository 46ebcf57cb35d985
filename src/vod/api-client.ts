import { createCalls, type VodClientOptions } from './calls.ts';
import { keyCheckParser } from './wire/key-check.ts';
import { confirmParams, convertParams } from './wire/params.ts';
import { parseConvertReply } from './wire/parse-convert.ts';
import { parseConfirmReply, parsePullReply } from './wire/parse-events.ts';
import type { ConvertRequest, ConvertResult, PulledEvents } from './wire/protocol.ts';

/** The calls of `vod.api.qcloud.com`, which come after an upload. They reject like those of VodClient. */
export interface VodApiClient {
  /**
   * Unconfirmed events, at most CONFIRM_MAX. If there are none, the service holds the request for up to 5 s. Events that
   * are not confirmed within 30 s are delivered again.
   */
  pullEvents(signal?: AbortSignal): Promise<PulledEvents>;
  /** @param handles a group returned by `confirmGroups` */
  confirmEvents(handles: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Starts transcoding of a stored video; the event TranscodeComplete reports its end. */
  convertFile(request: ConvertRequest, signal?: AbortSignal): Promise<ConvertResult>;
  /** Like that of VodClient, with ConvertVodFile for a video that does not exist. */
  checkKey(signal?: AbortSignal): Promise<string>;
  /** Like that of VodClient. */
  close(): void;
}

/** More than the 5 s for which PullEvent may be held. */
const RESPONSE_MS = 10_000;

/** No `fileId` starts with this many zeros. */
const MISSING_FILE_ID = '0'.repeat(19);

/** A client for one account. Throws UploaderError (INVALID_ENDPOINT). */
export function createApiClient(options: VodClientOptions): VodApiClient {
  const { run, close } = createCalls({
    ...options,
    timeouts: { responseMs: RESPONSE_MS, ...options.timeouts },
  });
  return {
    pullEvents: (signal) => run({ action: 'PullEvent', params: {}, parse: parsePullReply }, signal),
    confirmEvents: async (handles, signal) => {
      const params = confirmParams(handles);
      await run({ action: 'ConfirmEvent', params, parse: parseConfirmReply }, signal);
    },
    convertFile: (request, signal) =>
      run({ action: 'ConvertVodFile', params: convertParams(request), parse: parseConvertReply }, signal),
    checkKey: (signal) =>
      run(
        {
          action: 'ConvertVodFile',
          observedAs: 'check',
          params: convertParams({ fileId: MISSING_FILE_ID }),
          parse: keyCheckParser(parseConvertReply),
        },
        signal,
      ),
    close,
  };
}
