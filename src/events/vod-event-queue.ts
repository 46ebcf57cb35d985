import type { Queue } from 'bullmq';
import type { EventData, EventWay } from '../queue/jobs/event.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import { eventId, eventTypeSchema } from '../vod/wire/events.ts';

/** The name of a job whose content is no event. */
const UNKNOWN = 'unknown';

/**
 * Puts events into their queue, all or none. A copy of one that is or was there, by whichever way either came, adds
 * nothing: the id of its job is made of its content.
 */
export async function enqueueVodEvents(
  queue: Queue,
  via: EventWay,
  contents: readonly unknown[],
): Promise<void> {
  await queue.addBulk(
    contents.map((content) => ({
      name: nameOf(content),
      data: { schema: SCHEMA_VERSION, via, content } satisfies EventData,
      opts: { jobId: eventId(content), stackTraceLimit: 1 },
    })),
  );
}

/** The event's type, for people who look at the queue. */
function nameOf(content: unknown): string {
  const { eventType } = (content ?? {}) as { readonly eventType?: unknown };
  return eventTypeSchema.safeParse(eventType).data ?? UNKNOWN;
}
