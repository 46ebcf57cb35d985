import * as z from 'zod';
import { defined } from '../../base/defined.ts';
import { fileIdSchema } from './file-id.ts';
import { type FinishResult, type InitResult, isPartSize, type ReceivedPart } from './protocol.ts';
import { integer, openReply, parseFields, type Reply } from './reply.ts';

/*
 * Replies to the three calls of an upload. All parsers throw VodError for a refusal and VodTransportError
 * (MALFORMED_REPLY) for anything unexpected.
 */

/** A missing or invalid URL is no error: `fileId` identifies the video. */
const url = z.string().min(1).nullable().default(null).catch(null);

const finishedSchema = z.object({ fileId: fileIdSchema, url });

const resumableSchema = z.object({
  dataSize: integer.optional().catch(undefined),
  // The entries are checked without a schema, see receivedParts.
  listParts: z.custom<readonly unknown[]>(Array.isArray).nullish(),
});

export function parseInitReply(reply: Reply): InitResult {
  const { code, fields } = openReply(reply, [0, 1, 2]);
  if (code === 0) return { kind: 'created' };
  if (code === 2) return { kind: 'exists', ...parseFields(reply, finishedSchema, fields) };
  const { dataSize, listParts } = parseFields(reply, resumableSchema, fields);
  const received = receivedParts(listParts ?? []);
  // Any other number says nothing about the part size.
  return dataSize !== undefined && isPartSize(dataSize)
    ? { kind: 'resumable', received, dataSize }
    : { kind: 'resumable', received };
}

export function parsePartReply(reply: Reply): void {
  openReply(reply, [0]);
}

export function parseFinishReply(reply: Reply): FinishResult {
  return parseFields(reply, finishedSchema, openReply(reply, [0]).fields);
}

/**
 * The valid entries; one that is left out only causes that part to be sent again, which is harmless. Without a schema,
 * because a file may have hundreds of thousands of parts, and this blocks the event loop.
 */
function receivedParts(entries: readonly unknown[]): ReceivedPart[] {
  const parts: ReceivedPart[] = [];
  for (const entry of entries) {
    const fields = (entry ?? {}) as Readonly<Record<string, unknown>>;
    const offset = wholeNumber(fields.offset);
    const dataSize = wholeNumber(fields.dataSize);
    if (offset === undefined || !dataSize || !Number.isSafeInteger(offset + dataSize)) continue;
    // The service's own example has `dataSha` in one entry.
    const dataMd5 = md5(fields.dataMd5) ?? md5(fields.dataSha);
    parts.push({ offset, dataSize, ...defined({ dataMd5 }) });
  }
  return parts;
}

/** A number ≥ 0, also as a string. */
function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined;
}

function md5(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9a-f]{32}$/i.test(value) ? value.toLowerCase() : undefined;
}
