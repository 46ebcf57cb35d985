import { z } from 'zod';
import { createParser, schemaVersion } from './schema.ts';

/** How an event was received: `pull` from VOD itself; `callback` by HTTP, from anyone who knows the path of the callback. */
export const EVENT_WAYS = ['pull', 'callback'] as const;
export type EventWay = (typeof EVENT_WAYS)[number];

const eventData = z.object({
  schema: schemaVersion,
  via: z.enum(EVENT_WAYS),
  /** The event as VOD sent it: any JSON. */
  content: z.unknown().optional(),
});
export type EventData = z.infer<typeof eventData>;
export const parseEventData = createParser(eventData, 'event job');

/** Result of an event job. */
export type EventValue =
  /** `uploads`: the uploads that the event was stored for. */
  | { readonly outcome: 'joined'; readonly uploads: readonly JoinedUpload[] }
  | { readonly outcome: 'not ours'; readonly reason: string };

export interface JoinedUpload {
  readonly uploadId: string;
  /** False if the upload already had the event. */
  readonly isNew: boolean;
  /** Milliseconds since the upload ended; absent if it has not ended. */
  readonly lagMs?: number;
}
