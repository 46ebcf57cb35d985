import { type Job, UnrecoverableError } from 'bullmq';
import { defined } from '../src/base/defined.ts';
import { UploaderError } from '../src/base/errors.ts';
import type { VodEventLog } from '../src/events/vod-event-log.ts';
import type { FileIndex } from '../src/flow/file-index.ts';
import { delayJob } from '../src/queue/delay-job.ts';
import { failureOf, formatFailure } from '../src/queue/failure.ts';
import { type EventValue, type JoinedUpload, parseEventData } from '../src/queue/jobs/event.ts';
import { NewerJobError } from '../src/queue/jobs/schema.ts';
import type { LeaveNewerJob } from '../src/queue/leave-newer-job.ts';
import { isRedisError } from '../src/redis/errors.ts';
import { fileIdsOf, parseEvent, transcodingEnd } from '../src/vod/wire/events.ts';

/** Delay of an event's next attempt after an error of Redis. */
const REDIS_RETRY_MS = 500;

interface EventDependencies {
  readonly files: FileIndex;
  readonly events: VodEventLog;
  /** After this many lookups an event with an unknown file is taken for another program's. */
  readonly looks: number;
  /** Milliseconds until the next lookup. */
  readonly backoff: (looks: number) => number;
  readonly leave: LeaveNewerJob;
  /** Wakes an upload after the event that its transcoding has ended is stored. */
  readonly transcoded: (uploadId: string) => Promise<void>;
}

/**
 * Joins an event to the uploads of its video. An event received by HTTP may be forged, so it counts only if it names a
 * `fileId` that one of our uploads got from VOD. Events often arrive before their upload has stored its `fileId`: an
 * event of an unknown file is looked up several times.
 */
export function eventProcessor(deps: EventDependencies): (job: Job, token?: string) => Promise<EventValue> {
  const { looks, backoff, leave } = deps;
  return async (job, token) => {
    try {
      const { fileIds, joined, full } = await joinEvent(job, deps);
      if (joined.length > 0) return { outcome: 'joined', uploads: joined };
      if (full) return { outcome: 'not ours', reason: 'its upload already has the maximum number of events' };
      if (fileIds.length === 0) return { outcome: 'not ours', reason: 'it names no file' };
      if (job.attemptsStarted < looks) return await delayJob(job, backoff(job.attemptsStarted), token);
      return {
        outcome: 'not ours',
        reason: `no known upload has the fileId ${fileIds.slice(0, 3).join(' or ')}`,
      };
    } catch (error) {
      if (error instanceof NewerJobError) return await leave(job, token, error);
      if (isRedisError(error)) return await delayJob(job, REDIS_RETRY_MS, token);
      if (!(error instanceof UploaderError)) throw error;
      throw new UnrecoverableError(formatFailure(failureOf(error)));
    }
  };
}

async function joinEvent(
  job: Job,
  { files, events, transcoded }: EventDependencies,
): Promise<{
  readonly fileIds: readonly string[];
  readonly joined: readonly JoinedUpload[];
  /** Whether an upload of this video has the maximum number of events already. */
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
    if (transcodingEnd(parsed) !== undefined) await transcoded(uploadId);
    const lagMs = finishedOn === undefined ? undefined : Math.max(0, Date.now() - finishedOn);
    joined.push(defined({ uploadId, isNew: outcome === 'added', lagMs }));
  }
  return { fileIds, joined, full };
}
