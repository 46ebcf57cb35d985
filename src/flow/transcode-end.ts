import type { ReceivedEvent } from '../events/vod-event-log.ts';
import type { TranscodeValue } from '../queue/jobs/transcode.ts';
import { type TranscodingEnd, transcodingEnd } from '../vod/wire/events.ts';

/** How a transcoding ended, from its event. */
export type TranscodeEnd = Pick<TranscodingEnd, 'status' | 'message'>;

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
      const end = transcodingEnd(event);
      if (end === undefined || !isOf(transcoding, end, at.getTime())) return [];
      const { status, message } = end;
      return [{ status, message }];
    });
  const ends = started.map(endsOf);
  return ends.flat().find(({ status }) => status === 0) ?? ends.at(-1)?.[0];
}

function isOf(started: TranscodeValue, end: TranscodingEnd, receivedAtMs: number): boolean {
  if (started.vodTaskId !== undefined && end.vodTaskId !== undefined)
    return started.vodTaskId === end.vodTaskId;
  if (started.key !== undefined && end.key !== undefined) return started.key === end.key;
  // VOD does not transcode a file twice at the same time, so without ids the next event belongs to it.
  return receivedAtMs >= started.at;
}
