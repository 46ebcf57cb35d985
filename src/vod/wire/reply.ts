import * as z from 'zod';
import { refusalError, transportError } from './classify.ts';
import { parseJson } from './json.ts';
import type { VodAction } from './protocol.ts';
import { cleanText, type Redact } from './redact.ts';

/** The reply to one request, before it is parsed. */
export interface Reply {
  readonly action: VodAction;
  readonly text: string;
  /** For all of the text that ends up in an error. */
  readonly redact: Redact;
  /** How far this machine's clock is ahead of the service's, in ms, if known. */
  readonly aheadMs?: number | undefined;
}

/** An integer, also as a string: `0`, `"0"`. */
export const integer = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?\d{1,15}$/)
    .transform(Number),
]);
const optionalText = z.string().optional().catch(undefined);

/** The fields that every reply has; the service omits `codeDesc` and `canRetry` in some. */
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

/** More than an error shows, so that the redactor sees whole secrets. */
const REDACTED_LENGTH = 4096;

/**
 * Parses the JSON of a reply and checks its code.
 * @throws {VodError} for a code that is not in `accepted`
 * @throws {VodTransportError} MALFORMED_REPLY
 */
export function openReply(reply: Reply, accepted: readonly number[]): { code: number; fields: unknown } {
  const { action, text, redact, aheadMs } = reply;
  if (text.trim() === '') throw malformed(reply, 'the reply is empty');
  let fields: unknown;
  try {
    fields = parseJson(text);
  } catch {
    throw malformed(reply, 'the reply is not JSON');
  }
  const { code, message, codeDesc, canRetry } = parseFields(reply, envelopeSchema, fields);
  if (accepted.includes(code)) return { code, fields };
  const shown = (words: string | undefined) => words && redact(words.slice(0, REDACTED_LENGTH));
  throw refusalError(action, { code, canRetry, message: shown(message), codeDesc: shown(codeDesc) }, aheadMs);
}

/** Applies a schema. Throws VodTransportError (MALFORMED_REPLY) that names the invalid field. */
export function parseFields<T extends z.ZodType>(reply: Reply, schema: T, fields: unknown): z.output<T> {
  const result = schema.safeParse(fields);
  if (result.success) return result.data;
  const path = result.error.issues[0]?.path.join('.') ?? '';
  throw malformed(reply, path === '' ? 'the reply is not an object' : `the reply has no valid ${path}`);
}

function malformed({ action, text, redact }: Reply, problem: string): Error {
  const start = cleanText(redact(text.slice(0, REDACTED_LENGTH)), 80);
  const detail = start === '' ? problem : `${problem}; it starts with: ${start}`;
  return transportError(action, { code: 'MALFORMED_REPLY', outcomeUnknown: true, detail });
}
