import { UploaderError } from '../errors.ts';

/** A hash that was not finished for a reason that has nothing to do with its file; always retryable. */
export class HashError extends UploaderError {
  declare readonly code: 'HASH_THREAD_DIED' | 'HASHER_CLOSED';

  constructor(code: HashError['code'], message: string, cause?: unknown) {
    super(code, message, { retryable: true, ...(cause === undefined ? {} : { cause }) });
  }
}
