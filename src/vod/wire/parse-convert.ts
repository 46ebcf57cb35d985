import * as z from 'zod';
import { asIs, checked, open, type Reply } from './parse.ts';
import type { ConvertResult } from './protocol.ts';
import type { Redact } from './text.ts';

const text = z.string().min(1).max(256).optional().catch(undefined);
const convertedSchema = z.object({ vodTaskId: text });

/** The reply to ConvertVodFile. Throws as `parseInitReply` does. */
export function parseConvertReply(text: string, redact: Redact = asIs, aheadMs?: number): ConvertResult {
  const reply: Reply = { action: 'ConvertVodFile', text, redact, aheadMs };
  const { vodTaskId } = checked(reply, convertedSchema, open(reply, [0]).fields);
  return vodTaskId === undefined ? {} : { vodTaskId };
}
