/**
 * The base class of all errors that this project throws on purpose. `code` is stable and for programs, `message` is for
 * people; `retryable` says whether the same operation can succeed when it is retried unchanged.
 */
export class UploaderError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
