import { z } from 'zod';
import { nullableUrlSchema, storedUrlSchema } from './video-url.ts';

/*
 * The JSON body of a webhook. Receivers are other programs, and are not upgraded together with this one: fields may be
 * added, but never changed or removed.
 */

const time = z.iso.datetime();

const event = {
  /** The same in every delivery of this event. */
  id: z.string().min(1),
  /** When the event happened. */
  timestamp: time,
};

const upload = {
  uploadId: z.string().min(1),
  /** The key that the upload was added with. */
  key: z.string().exactOptional(),
  /** From 1; each retry of a failed upload is a new attempt. */
  attempt: z.int().min(1),
  /** Name and type of the video in VOD. */
  name: z.string().exactOptional(),
  type: z.string().exactOptional(),
  /** When the upload was enqueued. */
  createdAt: time.exactOptional(),
};

const video = {
  ...upload,
  fileId: z.string(),
  /** completed: its bytes were sent; instant: VOD had the whole file. */
  outcome: z.enum(['completed', 'instant']),
  /** SHA-1 of the file; empty if it was not computed, because receivers of older versions require a string. */
  fileSha: z.string(),
  /** Bytes. */
  fileSize: z.int(),
};

const completed = { ...event, type: z.literal('upload.completed') };
const sentCompleted = z.object({ ...completed, data: z.object({ ...video, url: storedUrlSchema }) });
const readCompleted = z.object({ ...completed, data: z.object({ ...video, url: nullableUrlSchema }) });

const failed = z.object({
  ...event,
  type: z.literal('upload.failed'),
  data: z.object({
    ...upload,
    state: z.enum(['failed', 'cancelled']),
    failure: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }),
  }),
});

/** The payload as it is stored and sent. */
export const sentPayload = z.discriminatedUnion('type', [sentCompleted, failed]);
export type SentPayload = z.infer<typeof sentPayload>;

export const webhookPayload = z.discriminatedUnion('type', [readCompleted, failed]);

/** The payload of a webhook: an upload has completed, or an attempt has failed. */
export type WebhookPayload = z.infer<typeof webhookPayload>;
