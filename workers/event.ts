import { type Job, UnrecoverableError } from 'bullmq';
import { UploaderError } from '../src/base/errors.ts';
import type { VodEventLog } from '../src/events/vod-event-log.ts';
import type { FileIndex } from '../src/flow/file-index.ts';
import { delayJob } from '../src/queue/delay-job.ts';
import { failureOf, formatFailure } from '../src/queue/failure.ts';
import { type EventValue, type JoinedUpload, parseEventData } from '../src/queue/jobs/event.ts';
import { NewerJobError } from '../src/queue/jobs/schema.ts';
import type { LeaveNewerJob } from '../src/queue/leave-newer-job.ts';
import { isRedisError } from '../src/redis/errors.ts';
import { fileIdsOf, parseEvent } from '../src/vod/wire/events.ts';

/** How soon an event is looked at again that Redis did not let join. */
const REDIS_AGAIN_MS = 500;

/**
 * Joins an event to the uploads whose video it is about. What came by HTTP may be anybody's: only a `fileId` that an
 * upload of ours has from VOD itself makes it count. An event often comes before its upload has written that down, so
 * one of an unknown file is looked at again for a while.
 */
export function eventProcessor(deps: {
  readonly files: FileIndex;
  readonly events: VodEventLog;
  /** So often an event is looked at before it is taken for another program's. */
  readonly looks: number;
  /** Milliseconds until the next look. */
  readonly backoff: (looks: number) => number;
  readonly leave: LeaveNewerJob;
  /** Has an upload look at the end of its transcoding, once that is written down. */
  readonly transcoded: (uploadId: string) => Promise<void>;
}): (job: Job, token?: string) => Promise<EventValue> {
  const { files, events, looks, backoff, leave, transcoded } = deps;

  async function join(job: Job): Promise<{
    readonly fileIds: readonly string[];
    readonly joined: readonly JoinedUpload[];
    readonly full: boolean;
  }> {
    const { via, content } = parseEventData(job.data);
    const parsed = parseEvent(content);
    const fileIds = fileIdsOf(parsed);
    const uploads = new Set((await Promise.all(fileIds.map((fileId) => files.uploadsOf(fileId)))).flat());
    const joined: JoinedUpload[] = [];
    let full = false;
    for (const uploadId of uploads) {
      const event = { id: job.id ?? '', at: job.timestamp, via, content };
      const { outcome, finishedOn } = await events.append(uploadId, event);
      if (outcome === 'full') full = true;
      if (outcome === 'gone' || outcome === 'full') continue;
      if (parsed.type === 'TranscodeComplete') await transcoded(uploadId);
      const lagMs = finishedOn === undefined ? undefined : Math.max(0, Date.now() - finishedOn);
      joined.push({ uploadId, isNew: outcome === 'added', ...(lagMs !== undefined && { lagMs }) });
    }
    return { fileIds, joined, full };
  }

  return async (job, token) => {
    try {
      const { fileIds, joined, full } = await join(job);
      if (joined.length > 0) return { outcome: 'joined', uploads: joined };
      if (full) return { outcome: 'not ours', reason: 'its upload has more events than it may have already' };
      if (fileIds.length === 0) return { outcome: 'not ours', reason: 'it names no file' };
      if (job.attemptsStarted < looks) return await delayJob(job, backoff(job.attemptsStarted), token);
      return {
        outcome: 'not ours',
        reason: `no upload that is known has the fileId ${fileIds.slice(0, 3).join(' or ')}`,
      };
    } catch (error) {
      if (error instanceof NewerJobError) return await leave(job, token, error);
      if (isRedisError(error)) return await delayJob(job, REDIS_AGAIN_MS, token);
      if (!(error instanceof UploaderError)) throw error;
      throw new UnrecoverableError(formatFailure(failureOf(error)));
    }
  };
}
