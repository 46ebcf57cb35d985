import type { Api3Client } from '../vod/api3/client.ts';
import { CONFIRM_MAX } from '../vod/wire/protocol.ts';
import { VodError } from '../vod/wire/vod-error.ts';
import type { MediaBackend } from './media.ts';
import { transcodeProblem } from './unsupported.ts';

/** The refusal of a request whose SessionId another one has had. */
const SESSION_ID_USED = 'InvalidParameterValue.SessionId';

/** Events by PullEvents and ConfirmEvents, transcoding by ProcessMediaByProcedure. */
export function createApi3Media(client: Api3Client): MediaBackend {
  return {
    quotaActions: {
      pullEvents: 'PullEvents',
      confirmEvents: 'ConfirmEvents',
      transcode: 'ProcessMediaByProcedure',
    },
    checkAction: 'CommitUpload',
    pullEvents: (signal) => client.pullEvents(signal),
    *confirmGroups(handles) {
      for (let start = 0; start < handles.length; start += CONFIRM_MAX)
        yield handles.slice(start, start + CONFIRM_MAX);
    },
    confirmEvents: (group, signal) => client.confirmEvents(group, signal),
    transcodeProblem: (options) => transcodeProblem('2018-07-17', options),
    async transcode({ fileId, procedure, key }, signal) {
      if (procedure === undefined) throw new TypeError('transcodeProblem was not asked');
      try {
        const request = { fileId, procedure, sessionId: key };
        const { taskId } = await client.processMediaByProcedure(request, signal);
        return { vodTaskId: taskId, key };
      } catch (error) {
        // VOD remembers SessionIds for 3 days or longer, and starts no second task for the same one.
        if (error instanceof VodError && error.code === SESSION_ID_USED) return { key };
        throw error;
      }
    },
    isUnready: () => false,
    checkKey: (signal) => client.checkKey(signal),
    close: () => client.close(),
  };
}
