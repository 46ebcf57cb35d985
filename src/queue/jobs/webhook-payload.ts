import { z } from 'zod';

/*
 * What a webhook says, as JSON. Receivers are other programs, and not upgraded with this one: fields may be added, and
 * stay as they are.
 */

const time = z.iso.datetime();

/** The address of a video, null where VOD has told none; an empty text says the same. */
export const toldUrl = z
  .string()
  .nullable()
  .transform((url) => url || null);

const ended = {
  /** The same whenever this event is told again. */
  id: z.string().min(1),
  /** When it happened. */
  timestamp: time,
};

const upload = {
  uploadId: z.string().min(1),
  /** What the upload was added with. */
  key: z.string().exactOptional(),
  /** From 1; a retry after a failure is the next one. */
  attempt: z.int().min(1),
  /** Of the video in VOD. */
  name: z.string().exactOptional(),
  type: z.string().exactOptional(),
  /** When it was enqueued. */
  createdAt: time.exactOptional(),
};

const video = {
  ...upload,
  fileId: z.string(),
  /** completed: its bytes were sent; instant: VOD had the whole file. */
  outcome: z.enum(['completed', 'instant']),
  /** SHA-1 of the file. */
  fileSha: z.string(),
  /** Bytes. */
  fileSize: z.int(),
};

/** Empty where VOD has told none: older receivers want a text. */
const sentUrl = z.string();

const completed = { ...ended, type: z.literal('upload.completed') };
const sentCompleted = z.object({ ...completed, data: z.object({ ...video, url: sentUrl }) });
const readCompleted = z.object({ ...completed, data: z.object({ ...video, url: toldUrl }) });

const failed = z.object({
  ...ended,
  type: z.literal('upload.failed'),
  data: z.object({
    ...upload,
    state: z.enum(['failed', 'cancelled']),
    failure: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }),
  }),
});

/** As it is sent, and kept until then. */
export const sentPayload = z.discriminatedUnion('type', [sentCompleted, failed]);
export type SentPayload = z.infer<typeof sentPayload>;

export const webhookPayload = z.discriminatedUnion('type', [readCompleted, failed]);

/** What a webhook says: an upload has its video, or an attempt has failed. */
export type WebhookPayload = z.infer<typeof webhookPayload>;
