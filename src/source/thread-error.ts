import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';

/** A failure of a thread, not of the file; always retryable. */
export class ThreadError extends UploaderError {
  declare readonly code: 'HASH_THREAD_DIED' | 'HASHER_CLOSED';

  constructor(code: ThreadError['code'], message: string, cause?: unknown) {
    super(code, message, { retryable: true, ...defined({ cause }) });
  }
}
