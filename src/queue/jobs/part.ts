import { z } from 'zod';
import { PART_SIZES } from '../../vod/wire/protocol.ts';
import { bytes, child, partSize, path } from './fields.ts';
import { hashed } from './hash.ts';
import { createParser } from './schema.ts';

const md5 = z.string().regex(/^[0-9a-f]{32}$/);
const partData = child.extend({
  source: path,
  hashed,
  /** The MD5 that VOD lists of this part. The part is sent only if the file's MD5 differs. */
  listedMd5: md5.exactOptional(),
  /** Part size of the upload. */
  partSize,
  offset: bytes,
  /** Bytes. */
  dataSize: bytes.min(1).max(PART_SIZES[1]),
});
export type PartData = z.infer<typeof partData>;
export const parsePartData = createParser(partData, 'part job');

/** Result of a part that was not sent, because its upload has ended. */
export const PART_SKIPPED = 'skipped';
/** Result of a part that was not sent, because VOD has it with the same MD5. */
export const PART_SAME = 'same';
/** A part that was sent returns nothing, because BullMQ keeps the result of every child in the parent. */
export type PartValue = typeof PART_SKIPPED | typeof PART_SAME | undefined;
