import { z } from 'zod';
import { MAX_PART_BYTES } from '../../upload/plan.ts';
import { bytes, child, partSize, path } from './fields.ts';
import { hashed } from './hash.ts';
import { createParser } from './schema.ts';

const md5 = z.string().regex(/^[0-9a-f]{32}$/);
const partFields = child.extend({
  source: path,
  hashed,
  /** The MD5 that VOD lists of this part. The part is sent only if the file's MD5 differs. */
  listedMd5: md5.exactOptional(),
  /** Part size of the upload. */
  partSize,
  /** The upload has a session: it is in the result of the run's init job. */
  session: z.literal(true).exactOptional(),
  offset: bytes,
  /** Bytes. */
  dataSize: bytes.min(1).max(MAX_PART_BYTES),
});
const partData = partFields
  .refine(({ dataSize, partSize }) => dataSize <= partSize, 'is larger than its partSize')
  .refine(
    ({ hashed, session }) => hashed.fileSha !== undefined || session,
    'has neither fileSha nor session',
  );
export type PartData = z.infer<typeof partData>;
export const parsePartData = createParser(partData, 'part job');

/** Result of a part that was not sent, because its upload has ended. */
export const PART_SKIPPED = 'skipped';
/** Result of a part that was not sent, because the upload's session is over: this, a space and the code of the error. */
const PART_EXPIRED = 'expired';
/** Result of a part that was not sent, because VOD has it with the same MD5; a checksum may follow after a space. */
export const PART_SAME = 'same';
/** Result of a part that was sent and has a checksum: this, a space and the checksum. */
const PART_SENT = 'sent';
/**
 * The result of a part job. A part that was sent and has no checksum returns nothing, because BullMQ keeps the result of
 * every child in the parent.
 */
export type PartValue =
  | typeof PART_SKIPPED
  | typeof PART_SAME
  | `${typeof PART_SAME | typeof PART_SENT | typeof PART_EXPIRED} ${string}`
  | undefined;

/** The result of a part that VOD has now. */
export function partValue(outcome: 'sent' | 'same', checksum: string | undefined): PartValue {
  if (checksum !== undefined) return `${outcome} ${checksum}`;
  return outcome === 'same' ? PART_SAME : undefined;
}

/** The result of a part whose session is over. @param code of the error that said so */
export function expiredValue(code: string): PartValue {
  return `${PART_EXPIRED} ${code}`;
}

/** What a result of a part job says; anybody with access to Redis can change it. */
export function parsePartValue(value: unknown): {
  readonly outcome: 'sent' | 'same' | 'skipped' | 'expired';
  readonly checksum?: string;
  /** Of the error, if the session is over. */
  readonly code?: string;
} {
  if (value === PART_SKIPPED) return { outcome: value };
  const text = typeof value === 'string' ? value : '';
  const expired = /^expired(?: ([\w.]{1,100}))?$/.exec(text);
  if (expired !== null) return { outcome: 'expired', code: expired[1] ?? 'SESSION_EXPIRED' };
  const [, outcome, checksum] = /^(sent|same)(?: ([0-9a-f]{1,64}))?$/.exec(text) ?? [];
  return { outcome: outcome === 'same' ? 'same' : 'sent', ...(checksum !== undefined && { checksum }) };
}
