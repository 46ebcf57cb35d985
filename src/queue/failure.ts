import { UploaderError } from '../base/errors.ts';

/** Why an upload or one of its jobs failed, as data. */
export interface Failure {
  /**
   * A code of VOD (`4100`, `InvalidParameterValue.FileId`), a transport code (`TIMEOUT`) or one of this project's
   * (`SOURCE_CHANGED`, `CANCELLED`).
   */
  readonly code: string;
  /** Text for people. */
  readonly message: string;
  /** Whether a retry of the upload can succeed if nothing else changes. */
  readonly retryable: boolean;
}

export const CANCELLED: Failure = { code: 'CANCELLED', message: 'cancelled on request', retryable: true };

/** BullMQ's message for a job that has stalled too often. */
const STALLED_TOO_OFTEN = 'job stalled more than allowable limit';

const PATTERN = /^(?<message>.*) \[(?<code>[A-Za-z0-9_.-]+)(?<retryable>, retryable)?\]$/s;

/**
 * Formats a failure as one string, because BullMQ stores only that, and Bull Board shows it to people:
 * `InitUpload was refused: invalid arg [-10001]`, or `… [-10005, retryable]`. {@link parseFailure} parses it.
 */
export function formatFailure(failure: Failure): string {
  return `${failure.message} [${failure.code}${failure.retryable ? ', retryable' : ''}]`;
}

/** Parses a string of {@link formatFailure}. Any other string is a failure with code INTERNAL. */
export function parseFailure(reason: string): Failure {
  const found = PATTERN.exec(reason)?.groups;
  if (found?.message !== undefined && found.code !== undefined) {
    return { code: found.code, message: found.message, retryable: found.retryable !== undefined };
  }
  if (reason === STALLED_TOO_OFTEN) {
    return {
      code: 'STALLED',
      message: 'its worker died or lost its lock too often while it processed this upload',
      retryable: true,
    };
  }
  return { code: 'INTERNAL', message: reason || 'unknown error', retryable: true };
}

/** Converts an error. An unexpected error is INTERNAL, and retryable only if a system call failed; else it is a bug. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UploaderError) {
    return { code: error.code, message: error.message, retryable: error.retryable };
  }
  const isSystemError = error instanceof Error && 'syscall' in error;
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', message: message || 'unknown error', retryable: isSystemError };
}
