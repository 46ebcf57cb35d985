/** Above this number of jobs the record is cleared. */
const MAX_JOBS = 10_000;

/**
 * Jobs of this process whose request failed in a way that may affect all requests, while it is not known yet whether it
 * does. The first such failure keeps the job's attempt; a job that fails again, although VOD answered others in between,
 * has a problem of its own.
 */
export class InterruptedJobs {
  /** Time of the last failure, by job id. */
  readonly #failedAt = new Map<string, number>();

  /**
   * Records a failure. All times are of one monotonic clock, in ms.
   * @param failure.answeredAt when VOD last answered this process
   * @param failure.congested see VodError.congested
   * @returns whether the job keeps its attempt
   */
  record(
    jobId: string,
    failure: { readonly now: number; readonly answeredAt: number; readonly congested: boolean },
  ): boolean {
    const { now, answeredAt, congested } = failure;
    const before = this.#failedAt.get(jobId);
    if (this.#failedAt.size > MAX_JOBS) this.#failedAt.clear();
    this.#failedAt.set(jobId, now);
    return before === undefined || (!congested && answeredAt < before);
  }
}
