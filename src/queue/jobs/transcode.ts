import { z } from 'zod';
import { fileIdSchema } from '../../vod/wire/file-id.ts';
import { run, text } from './fields.ts';
import { createParser, schemaVersion } from './schema.ts';

/** The parameters of ConvertVodFile, besides the file. */
export const transcodeFlags = z.object({
  screenshot: z.boolean().exactOptional(),
  watermark: z.boolean().exactOptional(),
});

const transcodeData = transcodeFlags.extend({
  schema: schemaVersion,
  fileId: fileIdSchema,
  /** Absent for a transcoding without an upload. */
  uploadId: text.exactOptional(),
  run: run.exactOptional(),
  /** An earlier ConvertVodFile of this upload or job may have taken effect. */
  asked: z.boolean().exactOptional(),
});
export type TranscodeData = z.infer<typeof transcodeData>;
export const parseTranscodeData = createParser(transcodeData, 'transcode job');

const transcodeValue = z.object({
  /** The id that TranscodeComplete will carry, if the reply contained it. */
  vodTaskId: z.string().exactOptional(),
  /** When the transcoding was requested, in milliseconds since 1970. */
  at: z.int(),
});
/** A transcoding that VOD has started. */
export type TranscodeValue = z.infer<typeof transcodeValue>;
export const parseTranscodeValue = createParser(transcodeValue, 'result of a transcode job');
