import type { Queue } from 'bullmq';
import type { EventData, EventWay } from '../queue/jobs/event.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import { eventId, eventTypeOf } from '../vod/wire/events.ts';

/** The job name of content that is not a valid event. */
const UNKNOWN = 'unknown';

/**
 * Adds events to the event queue, all or none. The job id is derived from the content, so a duplicate of an event, received
 * in the same or another way, is not added while its job is kept.
 */
export async function enqueueVodEvents(
  queue: Queue,
  via: EventWay,
  contents: readonly unknown[],
): Promise<void> {
  await queue.addBulk(
    contents.map((content) => ({
      // For display in dashboards.
      name: eventTypeOf(content) ?? UNKNOWN,
      data: { schema: SCHEMA_VERSION, via, content } satisfies EventData,
      opts: { jobId: eventId(content), stackTraceLimit: 1 },
    })),
  );
}
