import { defined } from '../../base/defined.ts';
import { formatSpan } from '../../base/format.ts';
import type { VodAction } from './protocol.ts';
import { cleanText } from './redact.ts';
import { type CodeMeaning, codeMeaning, type Meaning, QUOTA_HOLD_MS } from './service-codes.ts';
import { type TransportCode, transportMeaning } from './transport-codes.ts';
import { type FailureKind, VodError, VodTransportError } from './vod-error.ts';

/** Long enough to read, too short to flood a log. */
const SERVICE_MESSAGE_MAX_LENGTH = 300;

/** A refusal in the service's words. */
export interface Refusal {
  readonly code: number;
  /** `message` of the reply, redacted. */
  readonly message?: string | undefined;
  readonly codeDesc?: string | undefined;
  readonly canRetry?: 0 | 1 | undefined;
}

const REQUEST_ID_MAX_LENGTH = 100;

/** A smaller clock difference may come from network latency, and does no harm. */
export const CLOCK_TOLERANCE_MS = 60_000;

/**
 * The error for a refusal, classified by the service's error table.
 * @param aheadMs how far this machine's clock is ahead of the service's, if known
 */
export function refusalError(action: VodAction, refusal: Refusal, aheadMs = 0): VodError {
  const { code, canRetry } = refusal;
  const meaning = codeMeaning(code, action);
  const isClock = meaning.clockRelated === true && Math.abs(aheadMs) > CLOCK_TOLERANCE_MS;
  const kind = isClock ? 'clock' : kindOf(meaning, canRetry);
  const retryText = canRetry === undefined ? 'canRetry not given' : `canRetry ${canRetry}`;
  const message = `${action} refused with code ${code} (${meaning.description}, ${retryText})${quoted(refusal)}.`;
  return new VodError(withAdvice(message, isClock ? clockAdvice(aheadMs) : meaning.advice), {
    action,
    code: String(code),
    kind,
    reason: meaning.reason,
    canRetry,
    systemicCause: kind === 'account' || kind === 'clock' ? kind : meaning.systemicCause,
    holdMs: meaning.holdMs,
  });
}

/** A refusal of API 3.0 or of COS, whose codes are names. Its texts are redacted. */
export interface NamedRefusal {
  readonly code: string;
  readonly message?: string | undefined;
  /** By which the vendor's support finds the request. */
  readonly requestId?: string | undefined;
  /** From the header Retry-After, in ms. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * The error for a refusal whose code is a name.
 * @param aheadMs how far the clock that signed is ahead of the service's, if known
 */
export function namedRefusalError(
  action: VodAction,
  refusal: NamedRefusal,
  meaning: Meaning,
  aheadMs = 0,
): VodError {
  const { code, message, requestId, retryAfterMs } = refusal;
  const isClock = meaning.clockRelated === true && Math.abs(aheadMs) > CLOCK_TOLERANCE_MS;
  const kind = isClock ? 'clock' : meaning.kind;
  const id = requestId === undefined ? '' : ` Request id: ${cleanText(requestId, REQUEST_ID_MAX_LENGTH)}.`;
  const text = `${action} refused with code ${code} (${meaning.description})${quoted({ message })}.${id}`;
  return new VodError(withAdvice(text, isClock ? clockAdvice(aheadMs) : meaning.advice), {
    ...{ action, code, kind, retryAfterMs },
    reason: isClock ? 'signature' : meaning.reason,
    systemicCause: kind === 'account' || kind === 'clock' ? kind : meaning.systemicCause,
    holdMs: kind === 'quota' ? meaning.holdMs : undefined,
  });
}

function kindOf({ kind, fallbackKind = 'permanent' }: CodeMeaning, canRetry: 0 | 1 | undefined): FailureKind {
  if (kind !== 'by-can-retry') return kind;
  return canRetry === 1 ? 'retryable' : fallbackKind;
}

/** The service's own words as the end of a message: `: "InvalidParameter: fileSha"`; empty if there are none. */
function quoted({ codeDesc, message }: Pick<Refusal, 'codeDesc' | 'message'>): string {
  const words = [codeDesc, message].filter(Boolean).join(': ');
  return words === '' ? '' : `: "${cleanText(words, SERVICE_MESSAGE_MAX_LENGTH)}"`;
}

function clockAdvice(aheadMs: number): string {
  const span = formatSpan(Math.abs(aheadMs));
  return `This machine's clock is ${span} ${aheadMs > 0 ? 'ahead of' : 'behind'} VOD's: set it (NTP).`;
}

function withAdvice(message: string, advice: string | undefined): string {
  return advice === undefined ? message : `${message} ${advice}`;
}

export interface TransportFailure {
  readonly code: TransportCode;
  /** Whether the request may have reached the service. */
  readonly outcomeUnknown: boolean;
  /** See {@link VodError.congested}. */
  readonly congested?: boolean;
  /** More specific than the description of the code; redacted. */
  readonly detail?: string;
  /** From the header Retry-After, in ms. */
  readonly retryAfterMs?: number | undefined;
  /** Without secrets: never an error of the HTTP client itself, which contains the signed URL. */
  readonly cause?: unknown;
}

const CONGESTION_ADVICE =
  'If it persists, the network is congested: lower PART_CONCURRENCY, or set it to a range such as 1-8.';

/** The error for a call without an answer, classified by the table of transport failures. */
export function transportError(action: VodAction, failure: TransportFailure): VodTransportError {
  const { code, retryAfterMs, outcomeUnknown, congested, cause } = failure;
  const { kind = 'retryable', reason, systemicCause, description, advice } = transportMeaning(code);
  const detail = cleanText(failure.detail ?? description, SERVICE_MESSAGE_MAX_LENGTH);
  const message = `${action} got no answer (${code}): ${detail}.`;
  return new VodTransportError(withAdvice(message, congested ? CONGESTION_ADVICE : advice), {
    action,
    code,
    kind,
    reason,
    systemicCause,
    retryAfterMs,
    outcomeUnknown,
    holdMs: kind === 'quota' ? (retryAfterMs ?? QUOTA_HOLD_MS) : undefined,
    ...defined({ congested, cause }),
  });
}
