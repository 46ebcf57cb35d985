import { z } from 'zod';
import { text } from './fields.ts';
import { createParser, schemaVersion } from './schema.ts';
import { sentPayload } from './webhook-payload.ts';

/** Characters allowed in a webhook's id, because it is sent as a header. */
const WEBHOOK_ID = /^[\w.:-]{1,128}$/;

const webhookFields = z.object({
  schema: schemaVersion,
  uploadId: text,
  /** The receiver: {@link webhookTarget} of its URL. */
  target: z.string().regex(/^[0-9a-f]{16}$/),
  /** Absent for the receiver in WEBHOOK_URL: workers know it, so it need not be in Redis. */
  url: z.string().max(2048).exactOptional(),
  payload: sentPayload,
  /** Id of the job of the previous event, which must have ended first. */
  after: text.exactOptional(),
});
/** One event for one receiver. */
const webhookData = webhookFields
  .refine(({ payload }) => WEBHOOK_ID.test(payload.id), {
    path: ['payload', 'id'],
    error: 'must consist of letters, digits, ".", "_", ":" and "-"',
  })
  .refine(({ uploadId, payload }) => payload.data.uploadId === uploadId, {
    path: ['payload', 'data', 'uploadId'],
    error: 'differs from the uploadId of the job',
  })
  .refine(({ after, target, payload }) => after === undefined || isOtherEvent(after, payload.id, target), {
    path: ['after'],
    error: 'must be the job of another event for the same receiver',
  });
export type WebhookData = z.infer<typeof webhookData>;
export const parseWebhookData = createParser(webhookData, 'webhook job');

/** Id of the job that delivers an event to a receiver. */
export function webhookJobId(eventId: string, target: string): string {
  return `${eventId}-${target}`;
}

function isOtherEvent(jobId: string, eventId: string, target: string): boolean {
  return jobId.endsWith(`-${target}`) && jobId !== webhookJobId(eventId, target);
}
