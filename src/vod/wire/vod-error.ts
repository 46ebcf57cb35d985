import { defined } from '../../base/defined.ts';
import { UploaderError } from '../../base/errors.ts';
import type { VodAction } from './protocol.ts';

/**
 * What a failed call means for its caller:
 * - retryable: the same call can succeed later.
 * - permanent: the same call can't succeed; a person must act.
 * - quota: the account's quota is used up; hold every call of this action for `holdMs`.
 * - account: the credentials or permissions are refused, for every other call as well. Permanent for this call.
 * - resign: the signature was too old or used before; sign again and retry.
 * - clock: this machine's clock is wrong, so the signature has the wrong time; the call can succeed when it is set.
 * - session: the upload's session is over: it is unknown or expired, or its credentials are refused. The same call can't
 *   succeed; the upload can, with a new session.
 */
export type FailureKind = 'retryable' | 'permanent' | 'quota' | 'account' | 'resign' | 'clock' | 'session';

/** Kinds of failures of which the same call can't succeed later. */
const FINAL_KINDS: readonly FailureKind[] = ['permanent', 'account', 'session'];

/**
 * A cause of failure that affects all calls:
 * - outage: the service does not answer.
 * - blocked: a firewall, proxy or maintenance page answers in place of the service. It may affect this request only.
 * - account: the service refuses the account or the key.
 * - clock: the service refuses signatures made by this machine's clock.
 */
export const SYSTEMIC_CAUSES = ['outage', 'blocked', 'account', 'clock'] as const;
export type SystemicCause = (typeof SYSTEMIC_CAUSES)[number];

/** Why a call is retried: label of the metric `vod_retries_total`. */
export type FailureReason = 'vod' | 'quota' | 'http_5xx' | 'timeout' | 'network' | 'signature';

export interface VodErrorFields {
  readonly action: VodAction;
  readonly code: string;
  readonly kind: FailureKind;
  readonly reason: FailureReason;
  readonly canRetry?: 0 | 1 | undefined;
  readonly systemicCause?: SystemicCause | undefined;
  readonly holdMs?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly outcomeUnknown?: boolean;
  readonly congested?: boolean;
  readonly cause?: unknown;
}

/** A failed call. Exactly this class if the service answered with a refusal. Never contains a secret. */
export class VodError extends UploaderError {
  readonly action: VodAction;
  readonly kind: FailureKind;
  readonly reason: FailureReason;
  /** From the reply. */
  readonly canRetry: 0 | 1 | undefined;
  /** Undefined if only this call is affected. */
  readonly systemicCause: SystemicCause | undefined;
  /** Only with kind `quota`: how long to hold every call of this action, in ms. */
  readonly holdMs: number | undefined;
  /** From the header Retry-After: how long to wait before the next call, in ms. */
  readonly retryAfterMs: number | undefined;
  /** There was no answer, but the request may have been sent and taken effect. */
  readonly outcomeUnknown: boolean;
  /** It timed out while other requests, or its own body, made progress: too many requests at a time, not an outage. */
  readonly congested: boolean;

  constructor(message: string, fields: VodErrorFields) {
    super(fields.code, message, {
      retryable: !FINAL_KINDS.includes(fields.kind),
      ...defined({ cause: fields.cause }),
    });
    this.action = fields.action;
    this.kind = fields.kind;
    this.reason = fields.reason;
    this.canRetry = fields.canRetry;
    this.systemicCause = fields.systemicCause;
    this.holdMs = fields.holdMs;
    this.retryAfterMs = fields.retryAfterMs;
    this.outcomeUnknown = fields.outcomeUnknown ?? false;
    this.congested = fields.congested ?? false;
  }
}

/** The service gave no answer: no connection, a time-out, an HTTP error, or a malformed reply. */
export class VodTransportError extends VodError {}
