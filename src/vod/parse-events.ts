import * as z from 'zod';
import { asIs, checked, keepDigits, open, type Reply } from './parse.ts';
import type { PulledEvent } from './protocol.ts';
import type { Redact } from './text.ts';

/** A queue without events may have no list at all. */
const pulledSchema = z.object({
  eventList: z
    .array(z.object({ msgHandle: z.string().min(1), eventContent: z.unknown().optional() }))
    .nullish()
    .transform((list) => list ?? []),
});

/** The reply to PullEvent. Throws as `parseInitReply` does. */
export function parsePullReply(text: string, redact: Redact = asIs, aheadMs?: number): PulledEvent[] {
  const reply: Reply = { action: 'PullEvent', text, redact, aheadMs };
  const { eventList } = checked(reply, pulledSchema, open(reply, [0]).fields);
  return eventList.map(({ msgHandle, eventContent }) => ({ msgHandle, content: unpacked(eventContent) }));
}

/** The reply to ConfirmEvent. Throws as `parseInitReply` does. */
export function parseConfirmReply(text: string, redact: Redact = asIs, aheadMs?: number): void {
  open({ action: 'ConfirmEvent', text, redact, aheadMs }, [0]);
}

/** The document's example has an object; JSON in a text says the same. What is neither is passed on as it came. */
function unpacked(content: unknown): unknown {
  if (typeof content !== 'string') return content;
  try {
    return JSON.parse(content, keepDigits);
  } catch {
    return content;
  }
}
