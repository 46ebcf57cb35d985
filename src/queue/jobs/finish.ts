import { z } from 'zod';
import { checksum, child, memo, session, sha1 } from './fields.ts';
import { createParser } from './schema.ts';
import { storedUrlSchema } from './video-url.ts';

const finishFields = child.extend({
  fileSha: sha1.exactOptional(),
  session: session.exactOptional(),
  /** The combined checksums of all parts, if parts have checksums. */
  checksum: checksum.exactOptional(),
  memo: memo.exactOptional(),
  /** Delete what was sent, instead of making a video of it. */
  abandon: z.literal(true).exactOptional(),
});
const finishData = finishFields.refine(
  ({ fileSha, session }) => fileSha !== undefined || session !== undefined,
  'has neither fileSha nor session',
);
export type FinishData = z.infer<typeof finishData>;
export const parseFinishData = createParser(finishData, 'finish job');

/** `reason` is a formatted failure. */
const finishValue = z.union([
  z.object({ kind: z.literal('finished'), fileId: z.string(), url: storedUrlSchema }),
  /** There is no reply that says whether it took effect: a new round tells. */
  z.object({ kind: z.literal('unknown'), reason: z.string() }),
  /** VOD refused it and a retry would not help, for instance because parts are missing: a new round tells which. */
  z.object({ kind: z.literal('refused'), reason: z.string() }),
  /** The session is over. */
  z.object({ kind: z.literal('expired'), reason: z.string() }),
  z.object({ kind: z.literal('abandoned') }),
]);
export type FinishValue = z.infer<typeof finishValue>;
export const parseFinishValue = createParser(finishValue, 'result of a finish job');
