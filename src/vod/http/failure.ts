import type { IncomingHttpHeaders } from 'node:http';
import { TimeoutError } from 'got';
import { retryAfterMs } from '../../base/retry-after.ts';
import type { Redact } from '../wire/text.ts';
import { classifyNodeCode, type TransportCode } from '../wire/transport.ts';

/** The code that Node gave; got's own wrapper of an error can have another. */
function nodeCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return (
    nodeCodeOf(error.cause) ?? ('code' in error && typeof error.code === 'string' ? error.code : undefined)
  );
}

/** An error of got without what it carries along: its options hold the signed URL. */
export function cleanCause(error: unknown, redact: Redact): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = nodeCodeOf(error);
  const cause = new Error(redact(error.message) || code || error.name);
  cause.name = error.name;
  return Object.assign(cause, code === undefined ? {} : { code });
}

/** Got's name of the phase that timed out, for people. */
const PHASES: Readonly<Record<string, string>> = {
  lookup: 'resolving the host name',
  connect: 'connecting',
  secureConnect: 'the TLS handshake',
  send: 'sending the request',
  response: 'waiting for the reply',
  read: 'reading the reply',
};

/** How far a request came, as far as its failure depends on it. */
export interface Progress {
  /** Whether the request can have left this machine. */
  sent: boolean;
  tooLarge: boolean;
  /** What has taken too long, for people, when a time of ours is over. */
  overdue: string | undefined;
}

export function failureOf(
  error: unknown,
  progress: Progress,
  aborted: boolean,
): { code: TransportCode; detail: string } {
  if (progress.tooLarge) return { code: 'REPLY_TOO_LARGE', detail: 'the reply is larger than allowed' };
  if (progress.overdue !== undefined) {
    return { code: 'TIMEOUT', detail: `${progress.overdue} took too long` };
  }
  if (aborted) return { code: 'ABORTED', detail: 'aborted by the caller' };
  if (error instanceof TimeoutError) {
    return { code: 'TIMEOUT', detail: `${PHASES[error.event] ?? error.event} took too long` };
  }
  const nodeCode = nodeCodeOf(error);
  const { code, what } = classifyNodeCode(nodeCode);
  return { code, detail: nodeCode === undefined ? what : `${what} (${nodeCode})` };
}

/** Whoever answers by HTTP may ask for no longer pause. */
const LONGEST_RETRY_AFTER_MS = 300_000;

export function statusFailure(
  status: number,
  headers: Pick<IncomingHttpHeaders, 'location' | 'date' | 'retry-after'>,
  nowMs: number,
): { code: TransportCode; detail: string; retryAfterMs?: number | undefined } {
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
    retryAfterMs: retryAfterMs(headers, { nowMs, mostMs: LONGEST_RETRY_AFTER_MS }),
  };
}
