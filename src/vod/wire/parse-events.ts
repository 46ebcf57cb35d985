import * as z from 'zod';
import { isTooDeep } from './events.ts';
import { parseJson } from './json.ts';
import type { PulledEvents } from './protocol.ts';
import { openReply, parseFields, type Reply } from './reply.ts';

/** When there are no events the list may be missing. */
const pulledSchema = z.object({
  eventList: z
    .array(z.unknown())
    .nullish()
    .transform((list) => list ?? []),
});

const entrySchema = z.object({
  msgHandle: z.string().min(1).optional().catch(undefined),
  eventContent: z.unknown().optional(),
});

/** The reply to PullEvent. Invalid entries are left out and counted. Throws as `parseInitReply` does. */
export function parsePullReply(reply: Reply): PulledEvents {
  const { eventList } = parseFields(reply, pulledSchema, openReply(reply, [0]).fields);
  const entries = eventList.flatMap((entry) => entrySchema.safeParse(entry).data ?? []);
  const events = entries.map(({ msgHandle, eventContent }) => ({
    msgHandle,
    content: limitDepth(decodeContent(eventContent)),
  }));
  return { events, unreadable: eventList.length - entries.length };
}

/** The reply to ConfirmEvent. Throws as `parseInitReply` does. */
export function parseConfirmReply(reply: Reply): void {
  openReply(reply, [0]);
}

/** The document's example has an object; JSON as a string is accepted too. Anything else is returned unchanged. */
function decodeContent(content: unknown): unknown {
  if (typeof content !== 'string') return content;
  try {
    return parseJson(content);
  } catch {
    return content;
  }
}

/** Replaces an event that can't be stored in a job, so that it is confirmed: VOD would deliver it forever. */
export function limitDepth(content: unknown): unknown {
  return isTooDeep(content) ? 'an event of too many levels, left out' : content;
}
