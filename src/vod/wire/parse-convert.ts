import * as z from 'zod';
import { defined } from '../../base/defined.ts';
import type { ConvertResult } from './protocol.ts';
import { openReply, parseFields, type Reply } from './reply.ts';

const convertedSchema = z.object({ vodTaskId: z.string().min(1).max(256).optional().catch(undefined) });

/** The reply to ConvertVodFile. Throws as `parseInitReply` does. */
export function parseConvertReply(reply: Reply): ConvertResult {
  const { vodTaskId } = parseFields(reply, convertedSchema, openReply(reply, [0]).fields);
  return defined({ vodTaskId });
}
