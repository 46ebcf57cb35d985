import { UploaderError } from '../../base/errors.ts';

/** A webhook was not taken. Its text names the receiver by its origin only: the rest of a URL may be a secret. */
export class WebhookError extends UploaderError {
  /** When the receiver wants to be asked again at the earliest, as far as it says. */
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
