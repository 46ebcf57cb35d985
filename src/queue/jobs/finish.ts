import { z } from 'zod';
import { child, sha1 } from './fields.ts';
import { createParser } from './schema.ts';
import { storedUrlSchema } from './video-url.ts';

const finishData = child.extend({ fileSha: sha1 });
export type FinishData = z.infer<typeof finishData>;
export const parseFinishData = createParser(finishData, 'finish job');

/** `reason` is a formatted failure. */
const finishValue = z.union([
  z.object({ kind: z.literal('finished'), fileId: z.string(), url: storedUrlSchema }),
  /** There is no reply that says whether FinishUpload took effect: the next InitUpload tells. */
  z.object({ kind: z.literal('unknown'), reason: z.string() }),
  /** VOD refused FinishUpload and a retry would not help, for instance because parts are missing: call InitUpload again. */
  z.object({ kind: z.literal('refused'), reason: z.string() }),
]);
export type FinishValue = z.infer<typeof finishValue>;
export const parseFinishValue = createParser(finishValue, 'result of a finish job');
