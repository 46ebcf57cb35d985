import type { Queue } from 'bullmq';
import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { EVENT_WAYS, type EventWay } from '../queue/jobs/event.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { parseEvent, type VodEvent } from '../vod/wire/events.ts';

/** An event that VOD has sent about an upload's video. */
export interface ReceivedEvent {
  /** The same for duplicates of the event. */
  readonly id: string;
  /** When it was received. */
  readonly at: Date;
  /** How it was received: pulled from VOD, or by callback. */
  readonly via: EventWay;
  readonly event: VodEvent;
}

/** Field of the upload's job in Redis, so that it is deleted with the job. One line of JSON per event. */
const FIELD = 'vod-events';

/** Far more than VOD sends about one video. Keeps anyone who knows the callback's path from filling Redis. */
const MAX_BYTES = 256 * 1024;

/**
 * KEYS[1]: the upload's job. ARGV: the field, the start of this event's line, the line, the maximum bytes.
 * Returns the outcome and, if the upload has ended, when.
 */
const APPEND = `
local job = redis.call('HMGET', KEYS[1], 'timestamp', 'finishedOn', ARGV[1])
if not job[1] then return {'gone'} end
local lines = job[3] or ''
if string.find('\\n' .. lines, '\\n' .. ARGV[2], 1, true) then return {'known', job[2]} end
if #lines + #ARGV[3] > tonumber(ARGV[4]) then return {'full'} end
redis.call('HSET', KEYS[1], ARGV[1], lines .. ARGV[3] .. '\\n')
return {'added', job[2]}`;

export interface AppendResult {
  /** known: the upload has the event already; gone: the upload no longer exists; full: its events would exceed the limit. */
  readonly outcome: 'added' | 'known' | 'gone' | 'full';
  /** When the upload ended, in ms since 1970; absent if it has not ended or does not exist. */
  readonly finishedOn?: number;
}

const lineSchema = z.object({
  id: z.string(),
  at: z.int(),
  via: z.enum(EVENT_WAYS),
  /** The event as VOD sent it. */
  content: z.unknown(),
});
type Line = z.infer<typeof lineSchema>;

/** The events that VOD has sent about each upload, in the order in which they were matched to it. */
export class VodEventLog {
  readonly #uploads: Queue;
  readonly #redis: RedisClient;

  /** @param uploads the queue of upload jobs */
  constructor(uploads: Queue, redis: RedisClient) {
    this.#uploads = uploads;
    this.#redis = redis;
  }

  /** Stores an event. Idempotent. */
  async append(uploadId: string, { id, at, via, content }: Line): Promise<AppendResult> {
    const start = `{"id":${JSON.stringify(id)},`;
    const line = JSON.stringify({ id, at, via, content });
    const [outcome, finishedOn] = (await this.#redis.eval(
      APPEND,
      1,
      this.#uploads.toKey(uploadId),
      FIELD,
      start,
      line,
      MAX_BYTES,
    )) as [AppendResult['outcome'], (string | null)?];
    return { outcome, ...defined({ finishedOn: finishedOn == null ? undefined : Number(finishedOn) }) };
  }

  async read(uploadId: string): Promise<ReceivedEvent[]> {
    const lines = await this.#redis.hget(this.#uploads.toKey(uploadId), FIELD);
    return (lines ?? '').split('\n').flatMap(readLine);
  }
}

/** Ignores invalid lines. */
function readLine(text: string): ReceivedEvent[] {
  const { data } = lineSchema.safeParse(parseJsonOr(undefined, text));
  if (data === undefined) return [];
  try {
    return [{ id: data.id, at: new Date(data.at), via: data.via, event: parseEvent(data.content) }];
  } catch {
    return [];
  }
}
