import { createCalls, type VodClientOptions } from './calls.ts';
import { confirmParams, convertParams } from './wire/params.ts';
import { answeredCode } from './wire/parse.ts';
import { parseConvertReply } from './wire/parse-convert.ts';
import { parseConfirmReply, parsePullReply } from './wire/parse-events.ts';
import type { ConvertRequest, ConvertResult, PulledEvents } from './wire/protocol.ts';

/**
 * The calls of `vod.api.qcloud.com`, for what comes after an upload. They are made, and reject, as those of VodClient.
 */
export interface VodApiClient {
  /**
   * Events that nobody has confirmed yet, at most CONFIRM_MAX; the service holds the request for up to 5 s until there
   * is one. What is not confirmed within 30 s is given out again.
   */
  pullEvents(signal?: AbortSignal): Promise<PulledEvents>;
  /** @param handles one of the groups that `confirmGroups` makes */
  confirmEvents(handles: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Has VOD transcode a video that it has; TranscodeComplete will tell the end of that. */
  convertFile(request: ConvertRequest, signal?: AbortSignal): Promise<ConvertResult>;
  /** As that of VodClient: ConvertVodFile, for a video that nobody has. */
  checkKey(signal?: AbortSignal): Promise<string>;
  /** As that of VodClient. */
  close(): void;
}

/** Above the 5 s for which PullEvent is held. */
const RESPONSE_MS = 10_000;

/** No video's: no `fileId` begins with so many zeros. */
const NOBODYS_FILE_ID = '0'.repeat(19);

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
          params: convertParams({ fileId: NOBODYS_FILE_ID }),
          parse: (...reply) => answeredCode(() => parseConvertReply(...reply)),
        },
        signal,
      ),
    close,
  };
}
