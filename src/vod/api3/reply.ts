import * as z from 'zod';
import { namedRefusalError, transportError } from '../wire/classify.ts';
import { parseJson } from '../wire/json.ts';
import type { Api3Action } from '../wire/protocol.ts';
import { cleanText, type Redact } from '../wire/redact.ts';
import { api3Meaning } from './codes.ts';

/** The reply to one request, before it is parsed. */
export interface Api3Reply {
  readonly action: Api3Action;
  readonly text: string;
  /** For all of the text that ends up in an error. */
  readonly redact: Redact;
  /** How far the clock that signed is ahead of the service's, in ms, if known. */
  readonly aheadMs: number | undefined;
}

/** `InvalidParameterValue.VodSessionKey`. */
const codeSchema = z.string().regex(/^[A-Za-z][\w.-]{0,99}$/);
const optionalText = z.string().optional().catch(undefined);

const envelopeSchema = z.object({
  Response: z.looseObject({
    RequestId: optionalText,
    Error: z.object({ Code: codeSchema, Message: optionalText }).nullish(),
  }),
});

/** More than an error shows, so that the redactor sees whole secrets. */
const REDACTED_LENGTH = 4096;

/** The fields of an accepted reply. */
export interface Opened {
  readonly fields: unknown;
  readonly requestId: string | undefined;
}

/**
 * Parses the JSON of a reply.
 * @throws {VodError} if the service refused
 * @throws {VodTransportError} MALFORMED_REPLY
 */
export function openApi3Reply(reply: Api3Reply): Opened {
  const { action, text, redact, aheadMs } = reply;
  if (text.trim() === '') throw malformed(reply, 'the reply is empty');
  let json: unknown;
  try {
    json = parseJson(text);
  } catch {
    throw malformed(reply, 'the reply is not JSON');
  }
  const { Error: refusal, RequestId: requestId, ...fields } = parse(reply, envelopeSchema, json).Response;
  if (!refusal) return { fields, requestId };
  const shown = (words: string | undefined) => words && redact(words.slice(0, REDACTED_LENGTH));
  const { Code: code, Message: message } = refusal;
  const texts = { code, message: shown(message), requestId: shown(requestId) };
  throw namedRefusalError(action, texts, api3Meaning(code), aheadMs);
}

/** Opens a reply and applies a schema. Throws as {@link openApi3Reply} does; MALFORMED_REPLY names the invalid field. */
export function parseApi3Reply<T extends z.ZodType>(reply: Api3Reply, schema: T): z.output<T> {
  const { fields, requestId } = openApi3Reply(reply);
  return parse(reply, schema, fields, requestId);
}

function parse<T extends z.ZodType>(
  reply: Api3Reply,
  schema: T,
  fields: unknown,
  requestId?: string | undefined,
): z.output<T> {
  const result = schema.safeParse(fields);
  if (result.success) return result.data;
  const path = result.error.issues[0]?.path.join('.') ?? '';
  throw malformed(
    reply,
    path === '' ? 'the reply is not an object' : `the reply has no valid ${path}`,
    requestId,
  );
}

/** MALFORMED_REPLY. It shows the start of the text only if that is a page: JSON may have credentials in it. */
export function malformed({ action, text, redact }: Api3Reply, problem: string, requestId?: string): Error {
  const page = text.trimStart().startsWith('<') ? cleanText(redact(text.slice(0, REDACTED_LENGTH)), 80) : '';
  const details = [
    problem,
    ...(page === '' ? [] : [`it starts with: ${page}`]),
    ...(requestId === undefined ? [] : [`request id: ${redact(requestId)}`]),
  ];
  return transportError(action, {
    code: 'MALFORMED_REPLY',
    outcomeUnknown: true,
    detail: details.join('; '),
  });
}
