import { z } from 'zod';
import { bytes } from './fields.ts';

/** The progress of an upload job. */
const progress = z.object({
  stage: z.enum(['hashing', 'initializing', 'uploading', 'finishing', 'transcoding']),
  bytesHashed: bytes,
  /** Bytes of the file that VOD has, whether this upload sent them or not. */
  bytesSent: bytes,
  totalBytes: bytes,
  /** The attempt of the upload. */
  attempt: z.int().min(1).exactOptional(),
  /** Recent speed of this stage; absent until it is known. */
  bytesPerSecond: z.number().min(0).exactOptional(),
  /** When this was written, in milliseconds since 1970. */
  at: z.int().exactOptional(),
});
export type StoredProgress = z.infer<typeof progress>;

/** @returns undefined if a job has no progress yet, or the progress is invalid */
export function parseProgress(value: unknown): StoredProgress | undefined {
  return progress.safeParse(value).data;
}
