import { z } from 'zod';
import { bytes, child, path, sha1 } from './fields.ts';
import { createParser } from './schema.ts';

const decimal = z.string().regex(/^\d{1,24}$/);
const fileVersion = z.object({
  size: bytes.min(1),
  mtimeNs: decimal,
  inode: decimal,
  /** Workers of older versions neither write nor keep it. */
  ctimeNs: decimal.exactOptional(),
});

export const hashed = z.object({
  /** Absent if it was not computed. Programs with a schema version before 3 require it. */
  fileSha: sha1.exactOptional(),
  version: fileVersion,
});
/** A version of a file, and its SHA-1. */
export type Hashed = z.infer<typeof hashed>;
export const parseHashed = createParser(hashed, 'result of a hash job');

const hashData = child.extend({
  source: path,
  known: hashed.exactOptional(),
  rehash: z.boolean().exactOptional(),
  /** Compute the SHA-1 even if VOD does not need it. */
  hash: z.literal(true).exactOptional(),
});
export type HashData = z.infer<typeof hashData>;
export const parseHashData = createParser(hashData, 'hash job');
