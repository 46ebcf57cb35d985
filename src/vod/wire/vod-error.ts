import { UploaderError } from '../../base/errors.ts';
import type { VodAction } from './protocol.ts';

/**
 * What a failed call means for the one who made it:
 * - retryable: the same call can succeed later.
 * - permanent: it can't; somebody must look.
 * - quota: the account's quota is used up; hold every call of this action for `holdMs`.
 * - account: the credentials or rights are refused; every other call would be as well. Permanent for this call.
 * - resign: the signature was too old or seen before; sign anew and retry.
 * - clock: this machine's clock is off, so the signature has the wrong time; the call can succeed when that is mended.
 */
export type FailureKind = 'retryable' | 'permanent' | 'quota' | 'account' | 'resign' | 'clock';

/**
 * What a failed call says of all others:
 * - outage: the service does not answer.
 * - blocked: something else answers in its place, such as a firewall, a proxy or a page that tells of maintenance. It
 *   may be about the one request only.
 * - account: the service refuses this account, or this key.
 * - clock: it refuses what is signed by this machine's clock.
 */
export const TROUBLES = ['outage', 'blocked', 'account', 'clock'] as const;
export type Trouble = (typeof TROUBLES)[number];

/** Why a retry happens, as the metric `vod_retries_total` names it. */
export type FailureReason = 'vod' | 'quota' | 'http_5xx' | 'timeout' | 'network' | 'signature';

export interface VodErrorFields {
  readonly action: VodAction;
  readonly code: string;
  readonly kind: FailureKind;
  readonly reason: FailureReason;
  readonly canRetry?: 0 | 1 | undefined;
  readonly trouble?: Trouble | undefined;
  readonly holdMs?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly outcomeUnknown?: boolean;
  readonly congested?: boolean;
  readonly cause?: unknown;
}

/** A call that failed; of this very class when the service answered and refused. Never contains a secret. */
export class VodError extends UploaderError {
  readonly action: VodAction;
  readonly kind: FailureKind;
  readonly reason: FailureReason;
  /** As the service said it. */
  readonly canRetry: 0 | 1 | undefined;
  /** Absent when it is about this call only. */
  readonly trouble: Trouble | undefined;
  /** Only with kind `quota`: how long to hold every call of this action, in ms. */
  readonly holdMs: number | undefined;
  /** When there was no answer: how long to wait before the next call, in ms, as far as HTTP says. */
  readonly retryAfterMs: number | undefined;
  /** No answer came and the request may have been sent: it may have taken effect. */
  readonly outcomeUnknown: boolean;
  /** It timed out while other requests, or its own body, made progress: too many requests at a time, not an outage. */
  readonly congested: boolean;

  constructor(message: string, fields: VodErrorFields) {
    super(fields.code, message, {
      retryable: fields.kind !== 'permanent' && fields.kind !== 'account',
      ...('cause' in fields ? { cause: fields.cause } : {}),
    });
    this.action = fields.action;
    this.kind = fields.kind;
    this.reason = fields.reason;
    this.canRetry = fields.canRetry;
    this.trouble = fields.trouble;
    this.holdMs = fields.holdMs;
    this.retryAfterMs = fields.retryAfterMs;
    this.outcomeUnknown = fields.outcomeUnknown ?? false;
    this.congested = fields.congested ?? false;
  }
}

/** No answer of the service: no connection, a time-out, an HTTP failure, or a reply that can't be one. */
export class VodTransportError extends VodError {}
