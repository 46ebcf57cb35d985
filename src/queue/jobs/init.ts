import { z } from 'zod';
import { MAX_PARTS } from '../../upload/plan.ts';
import { checksum, child, memo, partSize, path, session } from './fields.ts';
import { hashed } from './hash.ts';
import { createParser } from './schema.ts';
import { video } from './upload.ts';
import { storedUrlSchema } from './video-url.ts';

const initData = child.extend({
  hashed,
  video,
  /** Compare the parts that VOD lists with the file, because VOD refused FinishUpload. */
  compare: z.literal(true).exactOptional(),
  /** The picture that VOD shows for the video: an absolute path. */
  cover: path.exactOptional(),
  /** The last session of this upload. */
  resume: session.exactOptional(),
  /** How many sessions of this attempt have expired; default 0. */
  expiredSessions: z.int().min(0).exactOptional(),
  memo: memo.exactOptional(),
});
export type InitData = z.infer<typeof initData>;
export const parseInitData = createParser(initData, 'init job');

const partIndex = z
  .int()
  .min(0)
  .max(MAX_PARTS - 1);
/** Inclusive ranges in ascending order with gaps between them, so that no part is in two ranges. */
const indexRanges = z
  .array(z.tuple([partIndex, partIndex]))
  .max(MAX_PARTS)
  .refine(areApart, 'overlap');

function areApart(ranges: readonly (readonly [number, number])[]): boolean {
  return ranges.every(([first, last], index) => first <= last && first > (ranges[index - 1]?.[1] ?? -1));
}

const sendValue = z.object({
  kind: z.literal('send'),
  partSize,
  /** Indices of the parts to send. */
  missing: indexRanges,
  /** If parts are to be compared: the MD5s that VOD lists of all other parts, encoded by `encodeMd5s`. */
  listedMd5s: z
    .base64()
    .max(MAX_PARTS * 24)
    .exactOptional(),
  /**
   * Parts that are done in this round and whose own results the upload has deleted: `sent`, and those that VOD has with
   * the `same` MD5. Workers of older versions ignore these fields, and count fewer parts as sent.
   */
  sent: indexRanges.exactOptional(),
  same: indexRanges.exactOptional(),
  /** The combined checksums of these parts, if parts have checksums. */
  checksum: checksum.exactOptional(),
  session: session.exactOptional(),
});
/** Parts are to be sent. */
export type SendValue = z.infer<typeof sendValue>;

const initValue = z.union([
  sendValue,
  z.object({
    kind: z.literal('exists'),
    fileId: z.string(),
    url: storedUrlSchema,
    /** An earlier attempt of this upload made the video. */
    own: z.literal(true).exactOptional(),
  }),
]);
export type InitValue = z.infer<typeof initValue>;
export const parseInitValue = createParser(initValue, 'result of an init job');
