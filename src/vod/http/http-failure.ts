import type { IncomingHttpHeaders } from 'node:http';
import { TimeoutError } from 'got';
import { retryAfterMs } from '../../base/retry-after.ts';
import type { Redact } from '../wire/redact.ts';
import { classifyNodeCode, type TransportCode } from '../wire/transport-codes.ts';

/** Why a request got no usable reply. */
export interface HttpFailure {
  readonly code: TransportCode;
  /** For people; not redacted. */
  readonly detail: string;
  readonly retryAfterMs?: number | undefined;
}

/** The code of the innermost error: got wraps Node's errors and may give them another code. */
function nodeCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return (
    nodeCodeOf(error.cause) ?? ('code' in error && typeof error.code === 'string' ? error.code : undefined)
  );
}

/** Name, message and code of an error of got, without its options, which contain the signed URL. */
export function cleanCause(error: unknown, redact: Redact): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = nodeCodeOf(error);
  const cause = new Error(redact(error.message) || code || error.name);
  cause.name = error.name;
  return Object.assign(cause, code === undefined ? {} : { code });
}

/** Got's names of the phases that can time out, in words. */
const PHASES: Readonly<Record<string, string>> = {
  lookup: 'resolving the host name',
  connect: 'connecting',
  secureConnect: 'the TLS handshake',
  send: 'sending the request',
  response: 'waiting for the reply',
  read: 'reading the reply',
};

/**
 * @param error what got threw
 * @param stop aborted by this client only, always with an {@link HttpFailure} as reason
 * @param caller the caller's signal
 */
export function failureOf(error: unknown, stop: AbortSignal, caller: AbortSignal | undefined): HttpFailure {
  if (stop.aborted) return stop.reason as HttpFailure;
  if (caller?.aborted) return { code: 'ABORTED', detail: 'aborted by the caller' };
  if (error instanceof TimeoutError) {
    return { code: 'TIMEOUT', detail: `${PHASES[error.event] ?? error.event} took too long` };
  }
  const nodeCode = nodeCodeOf(error);
  const { code, description } = classifyNodeCode(nodeCode);
  return { code, detail: nodeCode === undefined ? description : `${description} (${nodeCode})` };
}

/** The longest Retry-After that counts. */
export const MAX_RETRY_AFTER_MS = 300_000;

/** The failure for a status that is not 2xx. */
export function statusFailure(
  status: number,
  headers: Pick<IncomingHttpHeaders, 'location' | 'date' | 'retry-after'>,
  nowMs: number,
): HttpFailure {
  const { location } = headers;
  if (status >= 300 && status < 400 && location !== undefined) {
    // Without its query: a redirect often repeats the signed one.
    const target = location.replace(/[?#].*$/s, '');
    return {
      code: 'REDIRECT',
      detail: `HTTP ${status} redirects to ${target}; redirects are never followed`,
    };
  }
  return {
    code: `HTTP_${status}`,
    detail: `HTTP ${status} instead of a reply`,
    retryAfterMs: retryAfterMs(headers, { nowMs, maxMs: MAX_RETRY_AFTER_MS }),
  };
}
