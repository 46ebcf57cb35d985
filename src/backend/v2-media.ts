import { defined } from '../base/defined.ts';
import type { VodApiClient } from '../vod/api-client.ts';
import { confirmGroups } from '../vod/wire/params.ts';
import { UNEXPECTED_FILE_STATUS } from '../vod/wire/service-codes.ts';
import { VodError } from '../vod/wire/vod-error.ts';
import type { MediaBackend } from './media.ts';
import { transcodeProblem } from './unsupported.ts';

/** Events by PullEvent and ConfirmEvent, transcoding by ConvertVodFile. */
export function createV2Media(client: VodApiClient): MediaBackend {
  return {
    quotaActions: { pullEvents: 'PullEvent', confirmEvents: 'ConfirmEvent', transcode: 'ConvertVodFile' },
    checkAction: 'ConvertVodFile',
    pullEvents: (signal) => client.pullEvents(signal),
    confirmGroups,
    confirmEvents: (group, signal) => client.confirmEvents(group, signal),
    transcodeProblem: (options) => transcodeProblem('v2', options),
    async transcode({ fileId, screenshot, watermark, repeated }, signal) {
      try {
        return await client.convertFile(defined({ fileId, screenshot, watermark }), signal);
      } catch (error) {
        // VOD refuses a file that it is transcoding already.
        if (repeated && isUnexpectedStatus(error)) return {};
        throw error;
      }
    },
    isUnready: isUnexpectedStatus,
    checkKey: (signal) => client.checkKey(signal),
    close: () => client.close(),
  };
}

/** A file that was stored just now may not be ready to be transcoded yet. */
function isUnexpectedStatus(error: unknown): boolean {
  return error instanceof VodError && error.code === String(UNEXPECTED_FILE_STATUS);
}
