import { UploaderError } from '../errors.ts';
import { API_CODE_MEANINGS, CODE_MEANINGS, codeMeaning } from './codes.ts';
import type { VodAction } from './protocol.ts';
import { cleanText } from './text.ts';
import { TRANSPORT_MEANINGS, type TransportCode, transportMeaning } from './transport.ts';

/**
 * What a failed call means for the one who made it:
 * - retryable: the same call can succeed later.
 * - permanent: it can't; somebody must look.
 * - quota: the account's quota is used up; hold every call of this action for `holdMs`.
 * - account: the credentials or rights are refused; every other call would be as well. Permanent for this call.
 * - resign: the signature was too old or seen before; sign anew and retry.
 */
export type FailureKind = 'retryable' | 'permanent' | 'quota' | 'account' | 'resign';

/** Why a retry happens, as the metric `vod_retries_total` names it. */
export type FailureReason = 'vod' | 'quota' | 'http_5xx' | 'timeout' | 'network' | 'signature';

/** The service's own message stays readable and can't flood a log. */
const SERVICE_MESSAGE_MAX_LENGTH = 300;

export interface VodErrorFields {
  readonly action: VodAction;
  readonly code: string;
  readonly kind: FailureKind;
  readonly reason: FailureReason;
  readonly canRetry?: 0 | 1 | undefined;
  readonly holdMs?: number | undefined;
  readonly outcomeUnknown?: boolean;
  readonly strained?: boolean;
  readonly cause?: unknown;
}

/** A call that failed; of this very class when the service answered and refused. Never contains a secret. */
export class VodError extends UploaderError {
  readonly action: VodAction;
  readonly kind: FailureKind;
  readonly reason: FailureReason;
  /** As the service said it. */
  readonly canRetry: 0 | 1 | undefined;
  /** Only with kind `quota`: how long to hold every call of this action, in ms. */
  readonly holdMs: number | undefined;
  /** No answer came and the request may have been sent: it may have taken effect. */
  readonly outcomeUnknown: boolean;
  /** It timed out while the line moved, for other requests or for itself: too much at a time, and no outage. */
  readonly strained: boolean;

  constructor(message: string, fields: VodErrorFields) {
    super(fields.code, message, {
      retryable: fields.kind === 'retryable' || fields.kind === 'resign' || fields.kind === 'quota',
      ...('cause' in fields ? { cause: fields.cause } : {}),
    });
    this.action = fields.action;
    this.kind = fields.kind;
    this.reason = fields.reason;
    this.canRetry = fields.canRetry;
    this.holdMs = fields.holdMs;
    this.outcomeUnknown = fields.outcomeUnknown ?? false;
    this.strained = fields.strained ?? false;
  }
}

/** No answer of the service: no connection, a time-out, an HTTP failure, or a reply that can't be one. */
export class VodTransportError extends VodError {}

/** A refusal as the service words it. */
export interface Refusal {
  readonly code: number;
  /** `message` of the reply, redacted. */
  readonly message?: string | undefined;
  readonly codeDesc?: string | undefined;
  readonly canRetry?: 0 | 1 | undefined;
}

/** The error for a refusal, classified by the service's error table. */
export function refusalError(action: VodAction, refusal: Refusal): VodError {
  const { kind, reason, what, advice, holdMs } = codeMeaning(refusal.code, action);
  const words = [refusal.codeDesc, refusal.message]
    .filter((word) => word !== undefined && word !== '')
    .join(': ');
  const said = words === '' ? '' : `: "${cleanText(words, SERVICE_MESSAGE_MAX_LENGTH)}"`;
  const canRetry = refusal.canRetry === undefined ? 'canRetry not given' : `canRetry ${refusal.canRetry}`;
  const message = `${action} refused with code ${refusal.code} (${what}, ${canRetry})${said}.`;
  return new VodError(advice === undefined ? message : `${message} ${advice}`, {
    action,
    code: String(refusal.code),
    kind: kind !== 'by-can-retry' ? kind : refusal.canRetry === 1 ? 'retryable' : 'permanent',
    reason,
    canRetry: refusal.canRetry,
    holdMs,
  });
}

export interface TransportFailure {
  readonly code: TransportCode;
  /** Whether the request can have reached the service. */
  readonly outcomeUnknown: boolean;
  /** Of a time-out: whether the line moved meanwhile. */
  readonly strained?: boolean;
  /** What happened, more exactly than the code; redacted. */
  readonly detail?: string;
  /** Without secrets: never an error of the HTTP client itself, which carries the signed URL. */
  readonly cause?: unknown;
}

const STRAIN_ADVICE =
  'If it persists, the line takes less at a time: lower PART_CONCURRENCY, or let it be a range such as 1-8.';

/** The error for a call without an answer. Always retryable: no reply at all is not an answer. */
export function transportError(action: VodAction, failure: TransportFailure): VodTransportError {
  const { reason, what, advice: usual } = transportMeaning(failure.code);
  const advice = failure.strained ? STRAIN_ADVICE : usual;
  const detail = failure.detail ?? what;
  const message = `${action} got no answer (${failure.code}): ${cleanText(detail, SERVICE_MESSAGE_MAX_LENGTH)}.`;
  return new VodTransportError(advice === undefined ? message : `${message} ${advice}`, {
    action,
    code: failure.code,
    kind: 'retryable',
    reason,
    outcomeUnknown: failure.outcomeUnknown,
    ...(failure.strained !== undefined && { strained: failure.strained }),
    ...('cause' in failure ? { cause: failure.cause } : {}),
  });
}

/** Every value of the label `code` of a metric, besides `other`. */
export const DOCUMENTED_CODE_LABELS: readonly string[] = [
  ...Object.keys(CODE_MEANINGS),
  ...Object.keys(API_CODE_MEANINGS),
  '5xxx',
  ...Object.keys(TRANSPORT_MEANINGS).filter((code) => code !== 'HTTP_other'),
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
