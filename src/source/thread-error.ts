import { UploaderError } from '../base/errors.ts';

/** What a thread was asked for and did not do, for a reason that has nothing to do with the file; always retryable. */
export class ThreadError extends UploaderError {
  declare readonly code: 'HASH_THREAD_DIED' | 'HASHER_CLOSED';

  constructor(code: ThreadError['code'], message: string, cause?: unknown) {
    super(code, message, { retryable: true, ...(cause === undefined ? {} : { cause }) });
  }
}
