import * as z from 'zod';
import { formatSpan } from '../../base/format.ts';
import { retryAfterMs } from '../../base/retry-after.ts';
import type { HttpReply } from '../http/http-client.ts';
import { MAX_RETRY_AFTER_MS, statusFailure } from '../http/http-failure.ts';
import { namedRefusalError, transportError } from '../wire/classify.ts';
import type { CosAction } from '../wire/protocol.ts';
import { cleanText, type Redact } from '../wire/redact.ts';
import { cosMeaning } from './codes.ts';
import { parseXml, type XmlDocument } from './xml.ts';

/** The reply to one request, before it is parsed. */
export interface CosReply extends HttpReply {
  readonly action: CosAction;
  /** For errors; with its port. */
  readonly host: string;
  /** For all of the text that ends up in an error. */
  readonly redact: Redact;
  /** How far the clock that signed is ahead of COS's, in ms, if known. */
  readonly aheadMs: number | undefined;
  /** For how long the credentials of the session are still valid, in ms; negative: they have expired. */
  readonly credentialsLeftMs: number;
}

const errorSchema = z.object({
  Code: z.string().regex(/^[A-Za-z][\w.-]{0,99}$/),
  Message: z.string().optional().catch(undefined),
  RequestId: z.string().optional().catch(undefined),
});

/** More than an error shows, so that the redactor sees whole secrets. */
const REDACTED_LENGTH = 4096;

/** Whether COS itself answered, and not a proxy in between. */
export function isFromCos({ headers }: Pick<HttpReply, 'headers'>): boolean {
  return headers['x-cos-request-id'] !== undefined || headers.server === 'tencent-cos';
}

/** Throws if the reply is a refusal: by its status, or by an `<Error>` in a reply of any status. */
export function checkRefusal(reply: CosReply): void {
  const refusal = errorIn(parseXml(reply.text));
  if (refusal !== undefined) throw refusalError(reply, refusal);
  if (reply.status >= 300) throw statusError(reply);
}

/**
 * The document of an accepted reply.
 * @throws {VodError} if COS refused
 * @throws {VodTransportError} if the reply is not complete XML with this root
 */
export function openCosReply<T extends z.ZodType>(reply: CosReply, root: string, schema: T): z.output<T> {
  checkRefusal(reply);
  const document = parseXml(reply.text);
  if (document === undefined) {
    throw malformed(reply, reply.text.trim() === '' ? 'the reply is empty' : 'the reply is not complete XML');
  }
  if (document.root !== root) throw malformed(reply, `the reply has no ${root}`);
  const result = schema.safeParse(document.fields === '' ? {} : document.fields);
  if (result.success) return result.data;
  throw malformed(reply, `the reply has no valid ${result.error.issues[0]?.path.join('.')}`);
}

function errorIn(document: XmlDocument | undefined): z.output<typeof errorSchema> | undefined {
  return document?.root === 'Error' ? errorSchema.safeParse(document.fields).data : undefined;
}

/** The error for a code, from the reply's text or for a reply without a text. */
export function refusalError(
  reply: CosReply,
  { Code: code, Message: message, RequestId }: z.output<typeof errorSchema>,
): Error {
  const { action, status, headers, redact, aheadMs, credentialsLeftMs } = reply;
  const meaning = cosMeaning(code, status);
  return namedRefusalError(
    action,
    {
      code,
      message: message && redact(message.slice(0, REDACTED_LENGTH)),
      requestId: requestIdOf(reply, RequestId),
      retryAfterMs: retryAfterMs(headers, { nowMs: Date.now(), maxMs: MAX_RETRY_AFTER_MS }),
    },
    meaning.kind === 'session' ? { ...meaning, advice: credentialsText(credentialsLeftMs) } : meaning,
    aheadMs,
  );
}

/** The error for a status that is not 2xx, without a code of COS. */
export function statusError(reply: CosReply): Error {
  const { action, status, headers, redact, host } = reply;
  const { detail, ...failure } = statusFailure(status, headers, Date.now());
  return transportError(action, {
    ...failure,
    outcomeUnknown: true,
    detail: redact(`${detail}; endpoint ${host}${withRequestId(reply)}`),
  });
}

/** MALFORMED_REPLY. */
export function malformed(reply: CosReply, problem: string): Error {
  const { action, text, redact, host } = reply;
  const start = cleanText(redact(text.slice(0, REDACTED_LENGTH)), 80);
  const shown = start === '' ? problem : `${problem}; it starts with: ${start}`;
  return transportError(action, {
    code: 'MALFORMED_REPLY',
    outcomeUnknown: true,
    detail: `${shown}; endpoint ${host}${withRequestId(reply)}`,
  });
}

function requestIdOf({ headers, redact }: CosReply, inText?: string): string | undefined {
  const id = inText ?? headers['x-cos-request-id'];
  return typeof id === 'string' ? redact(id) : undefined;
}

function withRequestId(reply: CosReply): string {
  const id = requestIdOf(reply);
  return id === undefined ? '' : `; request id ${cleanText(id, 100)}`;
}

function credentialsText(leftMs: number): string {
  return leftMs > 0
    ? `The credentials of the session should be valid for another ${formatSpan(leftMs)}.`
    : `The credentials of the session expired ${formatSpan(-leftMs)} ago.`;
}
