import type { Queue } from 'bullmq';
import { z } from 'zod';
import { EVENT_WAYS, type EventWay } from '../queue/jobs/event.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { parseEvent, type VodEvent } from '../vod/wire/events.ts';

/** An event of VOD's that is about an upload's video. */
export interface ReceivedEvent {
  /** The same for every copy of the event. */
  readonly id: string;
  /** When it came. */
  readonly at: Date;
  readonly via: EventWay;
  readonly event: VodEvent;
}

/** Field of an upload's job in Redis, beside BullMQ's own, so that it goes when the job goes: a line of JSON each. */
const FIELD = 'vod-events';

/** Far more than VOD has to tell of one video; whoever finds out the callback's path must not fill Redis. */
const MOST_BYTES = 256 * 1024;

/**
 * KEYS[1]: the upload's job. ARGV: the field, what a line of this event begins with, the line, the most bytes.
 * Returns what became of it and, once it is known, when the upload ended.
 */
const APPEND = `
local job = redis.call('HMGET', KEYS[1], 'timestamp', 'finishedOn', ARGV[1])
if not job[1] then return {'gone'} end
local lines = job[3] or ''
if string.find('\\n' .. lines, '\\n' .. ARGV[2], 1, true) then return {'known', job[2]} end
if #lines + #ARGV[3] > tonumber(ARGV[4]) then return {'full'} end
redis.call('HSET', KEYS[1], ARGV[1], lines .. ARGV[3] .. '\\n')
return {'added', job[2]}`;

export interface Appended {
  /** known: it was there already; gone: the upload is not there any more; full: it has more events than it may. */
  readonly outcome: 'added' | 'known' | 'gone' | 'full';
  /** When the upload ended, in ms since 1970; absent while it has not, or isn't there. */
  readonly finishedOn?: number;
}

const lineSchema = z.object({
  id: z.string(),
  at: z.int(),
  via: z.enum(EVENT_WAYS),
  /** As VOD has it. */
  content: z.unknown(),
});
type Line = z.infer<typeof lineSchema>;

/** The events of each upload, in the order in which they came to be known as its own. */
export class VodEventLog {
  readonly #uploads: Queue;
  readonly #redis: RedisClient;

  /** @param uploads the queue of upload jobs */
  constructor(uploads: Queue, redis: RedisClient) {
    this.#uploads = uploads;
    this.#redis = redis;
  }

  /** Writes an event down; doing it again changes nothing. */
  async append(uploadId: string, { id, at, via, content }: Line): Promise<Appended> {
    const start = `{"id":${JSON.stringify(id)},`;
    const line = JSON.stringify({ id, at, via, content });
    const [outcome, finishedOn] = (await this.#redis.eval(
      APPEND,
      1,
      this.#uploads.toKey(uploadId),
      FIELD,
      start,
      line,
      MOST_BYTES,
    )) as [Appended['outcome'], (string | null)?];
    return { outcome, ...(finishedOn != null && { finishedOn: Number(finishedOn) }) };
  }

  async read(uploadId: string): Promise<ReceivedEvent[]> {
    const lines = await this.#redis.hget(this.#uploads.toKey(uploadId), FIELD);
    return (lines ?? '').split('\n').flatMap(readLine);
  }
}

/** Whatever else stands there is none of ours. */
function readLine(text: string): ReceivedEvent[] {
  const { data } = lineSchema.safeParse(parseJsonOr(undefined, text));
  if (data === undefined) return [];
  try {
    return [{ id: data.id, at: new Date(data.at), via: data.via, event: parseEvent(data.content) }];
  } catch {
    return [];
  }
}
