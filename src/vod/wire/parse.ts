import * as z from 'zod';
import { type Refusal, refusalError, transportError } from './classify.ts';
import { fileIdSchema } from './file-id.ts';
import {
  type FinishResult,
  type InitResult,
  isPartSize,
  type ReceivedPart,
  type VodAction,
} from './protocol.ts';
import { cleanText, type Redact } from './text.ts';
import { VodError, VodTransportError } from './vod-error.ts';

/** An integer, also as a string: `0`, `"0"`. */
const integer = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?\d{1,15}$/)
    .transform(Number),
]);
const optionalText = z.string().optional().catch(undefined);
/** Not worth a video: where there is none, or none that makes sense, `fileId` will do. */
const url = z.string().min(1).nullable().default(null).catch(null);

/** What every reply has; the service leaves `codeDesc` and `canRetry` out of some. */
const envelopeSchema = z.object({
  code: integer,
  message: optionalText,
  codeDesc: optionalText,
  canRetry: z
    .union([integer, z.boolean().transform(Number)])
    .transform((value) => (value === 0 || value === 1 ? value : undefined))
    .optional()
    .catch(undefined),
});

const finishedSchema = z.object({ fileId: fileIdSchema, url });

/** `dataSize` only when it is a part size: whatever else stands there says nothing. */
const resumableSchema = z.object({
  dataSize: integer.optional().catch(undefined),
  // Whose entries are looked at later, by hand.
  listParts: z.custom<readonly unknown[]>(Array.isArray).nullish(),
});

/** A number under one of these names; not within a text, where its quotes would be escaped. */
const NUMERIC_ID = /("(?:\w*fileId|msgHandle)"\s*:\s*)(-?\d+)(?=\s*[,}\]])/gi;

/**
 * JSON.parse, but ids that were sent as numbers keep their digits, as texts: a JavaScript number would lose the last ones.
 * @throws {SyntaxError}
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text.replace(NUMERIC_ID, '$1"$2"'));
}

/** A reply as it is taken apart: its action, its text for the error, and the redactor for what is quoted of it. */
export interface Reply {
  readonly action: VodAction;
  readonly text: string;
  readonly redact: Redact;
  /** How far this machine's clock is ahead of the service's, in ms, where that is known. */
  readonly aheadMs?: number | undefined;
}

function malformed({ action, text, redact }: Reply, problem: string): Error {
  const start = cleanText(redact(text.slice(0, 4096)), 80);
  const detail = start === '' ? problem : `${problem}; it starts with: ${start}`;
  return transportError(action, { code: 'MALFORMED_REPLY', outcomeUnknown: true, detail });
}

/** The value in the schema's form. Throws VodTransportError (MALFORMED_REPLY) that names what is wrong. */
export function checked<T extends z.ZodType>(reply: Reply, schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const path = result.error.issues[0]?.path.join('.') ?? '';
  throw malformed(reply, path === '' ? 'the reply is not an object' : `the reply has no valid ${path}`);
}

/** The reply's fields and its code; throws VodError for a code that is not one of `accepted`. */
export function open(reply: Reply, accepted: readonly number[]): { code: number; fields: unknown } {
  if (reply.text.trim() === '') throw malformed(reply, 'the reply is empty');
  let fields: unknown;
  try {
    fields = parseJson(reply.text);
  } catch {
    throw malformed(reply, 'the reply is not JSON');
  }
  const { code, message, codeDesc, canRetry } = checked(reply, envelopeSchema, fields);
  if (accepted.includes(code)) return { code, fields };
  // Far more than is shown, so that no half of a secret survives the cut.
  const said = (text: string | undefined) =>
    text === undefined ? undefined : reply.redact(text.slice(0, 4096));
  const refusal: Refusal = { code, message: said(message), codeDesc: said(codeDesc), canRetry };
  throw refusalError(reply.action, refusal, reply.aheadMs);
}

/**
 * The entries that make sense; leaving one out only sends that part again, which is harmless. By hand, and not by a schema:
 * a file may have hundreds of thousands of them, and nothing else goes on meanwhile.
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
    parts.push(dataMd5 === undefined ? { offset, dataSize } : { offset, dataSize, dataMd5 });
  }
  return parts;
}

/** From 0, also as a text. */
function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined;
}

function md5(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9a-f]{32}$/i.test(value) ? value.toLowerCase() : undefined;
}

export const asIs: Redact = (text) => text;

/** The reply to InitUpload. Throws VodError for a refusal, VodTransportError (MALFORMED_REPLY) for anything unexpected. */
export function parseInitReply(text: string, redact: Redact = asIs, aheadMs?: number): InitResult {
  const reply: Reply = { action: 'InitUpload', text, redact, aheadMs };
  const { code, fields } = open(reply, [0, 1, 2]);
  if (code === 0) return { kind: 'created' };
  if (code === 2) return { kind: 'exists', ...checked(reply, finishedSchema, fields) };
  const { dataSize, listParts } = checked(reply, resumableSchema, fields);
  const received = receivedParts(listParts ?? []);
  return dataSize !== undefined && isPartSize(dataSize)
    ? { kind: 'resumable', received, dataSize }
    : { kind: 'resumable', received };
}

/** The reply to UploadPart. Throws as `parseInitReply` does. */
export function parsePartReply(text: string, redact: Redact = asIs, aheadMs?: number): void {
  open({ action: 'UploadPart', text, redact, aheadMs }, [0]);
}

/**
 * Reads the reply to a request that only asks whether the key is right.
 * @returns the code that the service answered with, whatever it says of the request. Throws as `parseInitReply` does when
 *   it refuses the account, the clock or the age of the signature, or does not answer.
 */
export function answeredCode(parse: () => unknown): string {
  try {
    parse();
    return '0';
  } catch (error) {
    if (!(error instanceof VodError) || error instanceof VodTransportError) throw error;
    if (error.trouble !== undefined || error.kind === 'resign') throw error;
    return error.code;
  }
}

/** The reply to FinishUpload. Throws as `parseInitReply` does. */
export function parseFinishReply(text: string, redact: Redact = asIs, aheadMs?: number): FinishResult {
  const reply: Reply = { action: 'FinishUpload', text, redact, aheadMs };
  return checked(reply, finishedSchema, open(reply, [0]).fields);
}
