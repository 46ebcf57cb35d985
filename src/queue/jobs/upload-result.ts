import { z } from 'zod';
import { fileIdSchema } from '../../vod/wire/file-id.ts';
import { bytes, sha1 } from './fields.ts';
import { createParser } from './schema.ts';
import { nullableUrlSchema, storedUrlSchema } from './video-url.ts';

export const storedResult = z.object({
  /** completed: parts were sent, at least the last one; instant: VOD already had the whole file. */
  outcome: z.enum(['completed', 'instant']),
  fileId: fileIdSchema,
  url: storedUrlSchema,
  /** Absent if it was not computed. Programs with a schema version before 3 require it. */
  fileSha: sha1.exactOptional(),
  /** Bytes. */
  fileSize: bytes,
  /** The name and type that were sent to VOD. */
  name: z.string(),
  type: z.string(),
  partsSent: z.int(),
  partsSkipped: z.int(),
  bytesSent: bytes,
  /** False for an instant upload: the existing video keeps its name, tags and flags. */
  metadataApplied: z.boolean(),
  /** From when the upload was due (enqueued, plus its delay) until it ended, including transcoding if it waits for that. */
  durationMs: z.int(),
});
/** The result as stored in Redis. */
export type StoredResult = z.infer<typeof storedResult>;

const uploadResult = storedResult.extend({
  /** Null if VOD returned none. */
  url: nullableUrlSchema,
  /** Null if it was not computed. */
  fileSha: sha1.nullable().default(null),
});
/** The result of a finished upload. `partsSent`, `partsSkipped` and `bytesSent` count the last attempt only. */
export type UploadResult = z.infer<typeof uploadResult>;
export const parseUploadResult = createParser(uploadResult, 'result of an upload');
