import { defined } from '../../base/defined.ts';
import { formatSpan } from '../../base/format.ts';
import { API_CODE_MEANINGS, CODE_MEANINGS, type CodeMeaning, codeMeaning, QUOTA_HOLD_MS } from './codes.ts';
import type { VodAction } from './protocol.ts';
import { cleanText } from './text.ts';
import { TRANSPORT_MEANINGS, type TransportCode, transportMeaning } from './transport.ts';
import { type FailureKind, VodError, VodTransportError } from './vod-error.ts';

/** The service's own message stays readable and can't flood a log. */
const SERVICE_MESSAGE_MAX_LENGTH = 300;

/** A refusal as the service words it. */
export interface Refusal {
  readonly code: number;
  /** `message` of the reply, redacted. */
  readonly message?: string | undefined;
  readonly codeDesc?: string | undefined;
  readonly canRetry?: 0 | 1 | undefined;
}

/** A clock that is off by less may be the line's doing, and bothers nobody. */
const CLOCK_TOLERANCE_MS = 60_000;

/**
 * The error for a refusal, classified by the service's error table.
 * @param aheadMs how far this machine's clock is ahead of the service's, where that is known
 */
export function refusalError(action: VodAction, refusal: Refusal, aheadMs = 0): VodError {
  const meaning = codeMeaning(refusal.code, action);
  const { reason, what, holdMs } = meaning;
  const isClock = meaning.byClock === true && Math.abs(aheadMs) > CLOCK_TOLERANCE_MS;
  const kind = isClock ? 'clock' : kindOf(meaning, refusal.canRetry);
  const advice = isClock ? clockAdvice(aheadMs) : meaning.advice;
  const words = [refusal.codeDesc, refusal.message]
    .filter((word) => word !== undefined && word !== '')
    .join(': ');
  const said = words === '' ? '' : `: "${cleanText(words, SERVICE_MESSAGE_MAX_LENGTH)}"`;
  const canRetry = refusal.canRetry === undefined ? 'canRetry not given' : `canRetry ${refusal.canRetry}`;
  const message = `${action} refused with code ${refusal.code} (${what}, ${canRetry})${said}.`;
  return new VodError(advice === undefined ? message : `${message} ${advice}`, {
    action,
    code: String(refusal.code),
    kind,
    reason,
    canRetry: refusal.canRetry,
    trouble: kind === 'account' || kind === 'clock' ? kind : meaning.trouble,
    holdMs,
  });
}

function kindOf({ kind, otherwise = 'permanent' }: CodeMeaning, canRetry: 0 | 1 | undefined): FailureKind {
  if (kind !== 'by-can-retry') return kind;
  return canRetry === 1 ? 'retryable' : otherwise;
}

function clockAdvice(aheadMs: number): string {
  const span = formatSpan(Math.abs(aheadMs));
  return `This machine's clock is ${span} ${aheadMs > 0 ? 'ahead of' : 'behind'} VOD's: set it (NTP).`;
}

export interface TransportFailure {
  readonly code: TransportCode;
  /** Whether the request can have reached the service. */
  readonly outcomeUnknown: boolean;
  /** See {@link VodError.congested}. */
  readonly congested?: boolean;
  /** What happened, more exactly than the code; redacted. */
  readonly detail?: string;
  /** What the header Retry-After asks for, in ms. */
  readonly retryAfterMs?: number | undefined;
  /** Without secrets: never an error of the HTTP client itself, which carries the signed URL. */
  readonly cause?: unknown;
}

const CONGESTION_ADVICE =
  'If it persists, the network is congested: lower PART_CONCURRENCY, or set it to a range such as 1-8.';

/** The error for a call without an answer, classified by the table of transport failures. */
export function transportError(action: VodAction, failure: TransportFailure): VodTransportError {
  const { kind = 'retryable', reason, trouble, what, advice: usual } = transportMeaning(failure.code);
  const { retryAfterMs } = failure;
  const advice = failure.congested ? CONGESTION_ADVICE : usual;
  const detail = failure.detail ?? what;
  const message = `${action} got no answer (${failure.code}): ${cleanText(detail, SERVICE_MESSAGE_MAX_LENGTH)}.`;
  return new VodTransportError(advice === undefined ? message : `${message} ${advice}`, {
    action,
    code: failure.code,
    kind,
    reason,
    trouble,
    holdMs: kind === 'quota' ? (retryAfterMs ?? QUOTA_HOLD_MS) : undefined,
    retryAfterMs,
    outcomeUnknown: failure.outcomeUnknown,
    ...defined({ congested: failure.congested, cause: failure.cause }),
  });
}

const UNLABELLED: readonly string[] = [
  'HTTP_too_large',
  'HTTP_other',
] satisfies (keyof typeof TRANSPORT_MEANINGS)[];

/** Every value of the label `code` of a metric, besides `other`. */
export const DOCUMENTED_CODE_LABELS: readonly string[] = [
  ...Object.keys(CODE_MEANINGS),
  ...Object.keys(API_CODE_MEANINGS),
  '5xxx',
  ...Object.keys(TRANSPORT_MEANINGS).filter((code) => !UNLABELLED.includes(code)),
];

/**
 * A failure's code as a metric may have it, so that the label's values stay few: itself when it is documented;
 * `5xxx`, `HTTP_4xx` and `HTTP_5xx` for the codes that the tables treat as one; `other` for anything else.
 */
export function documentedCodeLabel(code: string): string {
  if (DOCUMENTED_CODE_LABELS.includes(code)) return code;
  if (/^5\d{3}$/.test(code)) return '5xxx';
  const status = /^HTTP_([45])\d\d$/.exec(code);
  return status === null ? 'other' : `HTTP_${status[1]}xx`;
}
