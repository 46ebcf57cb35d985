import { UploaderError } from '../base/errors.ts';

/** Why an upload or one of its jobs failed, as data. */
export interface Failure {
  /** A VOD code (`4100`, `-10002`), a transport code (`TIMEOUT`) or one of this project's (`SOURCE_CHANGED`, `CANCELLED`). */
  readonly code: string;
  /** For people. */
  readonly message: string;
  /** Whether a retry of the upload can succeed with nothing else changed. */
  readonly retryable: boolean;
}

export const CANCELLED: Failure = { code: 'CANCELLED', message: 'cancelled on request', retryable: true };

/** BullMQ's own words for a job whose worker died or stopped answering too often. */
const STALLED_TOO_OFTEN = 'job stalled more than allowable limit';

const PATTERN = /^(?<message>.*) \[(?<code>[A-Za-z0-9_-]+)(?<retryable>, retryable)?\]$/s;

/**
 * BullMQ keeps of a failure one string, and shows it to people in Bull Board; so that string carries the code as well:
 * `InitUpload was refused: invalid arg [-10001]`, or `… [-10005, retryable]`. {@link parseFailure} reads it back.
 */
export function formatFailure(failure: Failure): string {
  return `${failure.message} [${failure.code}${failure.retryable ? ', retryable' : ''}]`;
}

/** Reads what {@link formatFailure} wrote; any other string is a failure of code INTERNAL. */
export function parseFailure(reason: string): Failure {
  const found = PATTERN.exec(reason)?.groups;
  if (found?.message !== undefined && found.code !== undefined) {
    return { code: found.code, message: found.message, retryable: found.retryable !== undefined };
  }
  if (reason === STALLED_TOO_OFTEN) {
    return {
      code: 'STALLED',
      message: 'its worker died or stopped answering too often while it was at work on this upload',
      retryable: true,
    };
  }
  return { code: 'INTERNAL', message: reason || 'unknown error', retryable: true };
}

/** The failure that an error is. What nobody planned for is INTERNAL: a bug, unless the system says otherwise. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UploaderError) {
    return { code: error.code, message: error.message, retryable: error.retryable };
  }
  const system = error instanceof Error && 'syscall' in error;
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', message: message || 'unknown error', retryable: system };
}
