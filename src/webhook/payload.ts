import { z } from 'zod';

/*
 * What a webhook says, as JSON. Receivers are other programs, and not upgraded with this one: fields may be added, and
 * stay as they are.
 */

const time = z.iso.datetime();

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

const completed = z.object({
  ...ended,
  type: z.literal('upload.completed'),
  data: z.object({
    ...upload,
    fileId: z.string(),
    url: z.string(),
    /** completed: its bytes were sent; instant: VOD had the whole file. */
    outcome: z.enum(['completed', 'instant']),
    /** SHA-1 of the file. */
    fileSha: z.string(),
    /** Bytes. */
    fileSize: z.int(),
  }),
});

const failed = z.object({
  ...ended,
  type: z.literal('upload.failed'),
  data: z.object({
    ...upload,
    state: z.enum(['failed', 'cancelled']),
    failure: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }),
  }),
});

export const webhookPayload = z.discriminatedUnion('type', [completed, failed]);

/** The body of a webhook: an upload has its video, or an attempt has failed. */
export type WebhookPayload = z.infer<typeof webhookPayload>;
