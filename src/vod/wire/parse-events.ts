import * as z from 'zod';
import { isTooDeep } from './events.ts';
import { asIs, checked, open, parseJson, type Reply } from './parse.ts';
import type { PulledEvents } from './protocol.ts';
import type { Redact } from './text.ts';

/** A queue without events may have no list at all. */
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

/**
 * The reply to PullEvent, entry by entry: one that makes no sense is left out, and keeps no other from being taken. Throws
 * as `parseInitReply` does.
 */
export function parsePullReply(text: string, redact: Redact = asIs, aheadMs?: number): PulledEvents {
  const reply: Reply = { action: 'PullEvent', text, redact, aheadMs };
  const { eventList } = checked(reply, pulledSchema, open(reply, [0]).fields);
  const entries = eventList.flatMap((entry) => entrySchema.safeParse(entry).data ?? []);
  const events = entries.map(({ msgHandle, eventContent }) => ({
    msgHandle,
    content: keepable(unpacked(eventContent)),
  }));
  return { events, unreadable: eventList.length - entries.length };
}

/** The reply to ConfirmEvent. Throws as `parseInitReply` does. */
export function parseConfirmReply(text: string, redact: Redact = asIs, aheadMs?: number): void {
  open({ action: 'ConfirmEvent', text, redact, aheadMs }, [0]);
}

/** The document's example has an object; JSON in a text says the same. What is neither is passed on as it came. */
function unpacked(content: unknown): unknown {
  if (typeof content !== 'string') return content;
  try {
    return parseJson(content);
  } catch {
    return content;
  }
}

/** What can be written into a job. An event that can not is confirmed all the same, or VOD would give it out forever. */
function keepable(content: unknown): unknown {
  return isTooDeep(content) ? 'an event of too many levels, left out' : content;
}
