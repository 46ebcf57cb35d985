import type { VodError } from '../vod/wire/vod-error.ts';

/* Errors that a processor throws to postpone its job. None of them spends an attempt. */

/**
 * The account's quota is used up: the whole queue is held for `holdMs`; 0 = it was held before this job started. With a
 * cause, VOD has refused the request; without one, it was not sent.
 */
export class QuotaHoldError extends Error {
  readonly holdMs: number;
  constructor(holdMs: number, cause?: VodError) {
    super(cause?.message ?? 'quota used up', { cause });
    this.holdMs = holdMs;
  }
}

/** Too many requests ran in parallel, and their number was reduced: the job is retried soon. */
export class CongestionError extends Error {
  constructor(cause: VodError) {
    super(cause.message, { cause });
  }
}

/** The job must wait for another job. */
export class NotReadyError extends Error {
  readonly waitMs: number;
  constructor(waitMs: number) {
    super('not ready');
    this.waitMs = waitMs;
  }
}

/** This process can't do the job, but another may, or this one later. */
export class LeftToOthersError extends Error {
  readonly waitMs: number;
  constructor(waitMs: number, cause: Error) {
    super(cause.message, { cause });
    this.waitMs = waitMs;
  }
}
