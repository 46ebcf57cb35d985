import { z } from 'zod';
import { fileIdSchema } from '../../vod/wire/file-id.ts';
import { run, text } from './fields.ts';
import { createParser, schemaVersion } from './schema.ts';

/** What VOD is to make of the video. */
export const transcodeFlags = z.object({
  screenshot: z.boolean().exactOptional(),
  watermark: z.boolean().exactOptional(),
  /** Name of a task flow. */
  procedure: text.exactOptional(),
});

const transcodeData = transcodeFlags.extend({
  schema: schemaVersion,
  fileId: fileIdSchema,
  /** Absent for a transcoding without an upload. */
  uploadId: text.exactOptional(),
  run: run.exactOptional(),
  /** An earlier request of this upload or job may have taken effect. */
  asked: z.boolean().exactOptional(),
});
export type TranscodeData = z.infer<typeof transcodeData>;
export const parseTranscodeData = createParser(transcodeData, 'transcode job');

const transcodeValue = z.object({
  /** VOD's id of the transcoding, which the event of its end has; absent if the reply had none. */
  vodTaskId: z.string().exactOptional(),
  /** The key of the request, if the event of its end has that, too. */
  key: z.string().exactOptional(),
  /** When the transcoding was requested, in milliseconds since 1970. */
  at: z.int(),
});
/** A transcoding that VOD has started. */
export type TranscodeValue = z.infer<typeof transcodeValue>;
export const parseTranscodeValue = createParser(transcodeValue, 'result of a transcode job');
