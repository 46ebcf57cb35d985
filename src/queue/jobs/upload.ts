import { z } from 'zod';
import { bytes, partSize, path, run, text } from './fields.ts';
import { hashed } from './hash.ts';
import { PRIORITY } from './priority.ts';
import { createParser, schemaVersion } from './schema.ts';
import { transcodeFlags } from './transcode.ts';
import { storedResult } from './upload-result.ts';

/** What describes the video to VOD. */
export const video = z.object({
  name: text,
  type: text,
  /** Absent: the worker's backend chooses. */
  partSize: partSize.exactOptional(),
  tags: z.array(text).max(64).exactOptional(),
  classId: z.int().exactOptional(),
  transcode: z.boolean().exactOptional(),
  screenshot: z.boolean().exactOptional(),
  watermark: z.boolean().exactOptional(),
  procedure: text.exactOptional(),
  storageRegion: text.exactOptional(),
  expireTime: z.iso.datetime({ offset: true }).exactOptional(),
  sourceContext: text.exactOptional(),
  storagePath: path.exactOptional(),
});

const uploadData = z.object({
  schema: schemaVersion,
  /** Absolute path. */
  source: path,
  video,
  priority: z.int().min(PRIORITY.first).max(PRIORITY.last),
  /**
   * Requested once VOD has the video, also for an instant upload. With `timeoutMs` the upload waits until the video is
   * transcoded, and fails if that takes longer.
   */
  transcoding: transcodeFlags.extend({ timeoutMs: z.int().min(1).exactOptional() }).exactOptional(),
  key: text.exactOptional(),
  /** A webhook receiver for this upload only, in addition to the receivers for all uploads. */
  webhookUrl: z.string().max(2048).exactOptional(),
  /** File size when the upload was enqueued, if the producer checked the file. Removed once the SHA-1 is known. */
  size: bytes.exactOptional(),
  /**
   * Computes the SHA-1 even if it is known: on request, or after VOD kept refusing FinishUpload. Workers of older
   * versions ignore it.
   */
  rehash: z.boolean().exactOptional(),
  /** The picture that VOD shows for the video: an absolute path. */
  cover: path.exactOptional(),
  /** Computes the SHA-1 even if VOD does not need it. */
  hash: z.literal(true).exactOptional(),
  /** Random. Tells a producer whether its own `add` created this upload or found it. */
  nonce: text,
  /** The last known version, and its SHA-1, which is reused while the file is the same version, unless `rehash` is set. */
  hashed: hashed.exactOptional(),
  /** The current run. If absent or of an earlier attempt, the current round is 0. */
  run: run.exactOptional(),
  /** Stored as soon as VOD has the video, so that the remaining steps can be repeated after a crash or by a retry. */
  result: storedResult.exactOptional(),
});
export type UploadData = z.infer<typeof uploadData>;
export const parseUploadData = createParser(uploadData, 'upload job');

/** What producers read of an upload of any version. */
const uploadView = z.object({
  source: path,
  video: z.object({ name: text, type: text }),
  key: text.exactOptional(),
  webhookUrl: z.string().exactOptional(),
  hashed: hashed.exactOptional(),
});
export const parseUploadView = createParser(uploadView, 'upload job');
