import type { ReceivedEvent } from '../events/vod-event-log.ts';
import type { TranscodeValue } from '../queue/jobs/transcode.ts';

/** How a transcoding ended, from the event TranscodeComplete. */
export interface TranscodeEnd {
  /** 0 = success; anything else is an error code of the service. */
  readonly status: number;
  readonly message: string;
}

/**
 * How the transcoding of an upload ended. A success counts for any attempt: the event of an earlier attempt's
 * transcoding may arrive after that attempt has failed.
 *
 * @param events of this upload, oldest first
 * @param started the transcodings that this attempt and earlier ones started, the latest last
 * @returns undefined if the latest has not ended and no earlier one succeeded
 */
export function transcodeEnd(
  events: readonly ReceivedEvent[],
  started: readonly TranscodeValue[],
): TranscodeEnd | undefined {
  const endsOf = (transcoding: TranscodeValue): TranscodeEnd[] =>
    events.flatMap(({ at, event }) => {
      if (event.type !== 'TranscodeComplete') return [];
      const { vodTaskId, status, message = '' } = event.data;
      const bothHaveId = transcoding.vodTaskId !== undefined && vodTaskId !== undefined;
      // VOD does not transcode a file twice at the same time, so without ids the next event belongs to it.
      const matches = bothHaveId ? vodTaskId === transcoding.vodTaskId : at.getTime() >= transcoding.at;
      return matches ? [{ status, message }] : [];
    });
  const ends = started.map(endsOf);
  return ends.flat().find(({ status }) => status === 0) ?? ends.at(-1)?.[0];
}
