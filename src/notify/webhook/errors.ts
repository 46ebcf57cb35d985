import { UploaderError } from '../../base/errors.ts';

/** A webhook was not delivered. The message contains only the origin of the receiver's URL: the rest may be a secret. */
export class WebhookError extends UploaderError {
  /** The delay that the receiver's Retry-After header asks for, in ms. */
  readonly retryAfterMs?: number;

  constructor(
    code: string,
    message: string,
    options: { retryable: boolean; retryAfterMs?: number | undefined },
  ) {
    super(code, message, { retryable: options.retryable });
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }
}
