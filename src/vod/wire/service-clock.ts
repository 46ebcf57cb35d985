import { CLOCK_TOLERANCE_MS } from './classify.ts';

/**
 * The service's time, as far as this client knows it: this machine's clock, corrected after the service refused the time of
 * a signature. So a wrong clock costs one refusal, and not the uploads.
 */
export class ServiceClock {
  readonly #clock: () => number;
  #correctionMs = 0;
  /** How far this machine's clock is ahead of the service's, by the last reply that told. */
  #lastAheadMs: number | undefined;

  /** @param clock this machine's, in ms since 1970 */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** In ms since 1970. */
  now(): number {
    return this.#clock() + this.#correctionMs;
  }

  /** How far {@link now} is ahead of the service's clock, in ms. @param dateMs the header Date of a reply that just came */
  aheadMs(dateMs: number | undefined): number | undefined {
    if (dateMs === undefined) return undefined;
    this.#lastAheadMs = this.#clock() - dateMs;
    return this.now() - dateMs;
  }

  /** The service's time, by the last reply that told; undefined if none has. In ms since 1970. */
  get serviceTimeMs(): number | undefined {
    return this.#lastAheadMs === undefined ? undefined : this.#clock() - this.#lastAheadMs;
  }

  /** The service refused the time of a signature: corrects {@link now}, also when this machine's clock has been set since. */
  correct(dateMs: number | undefined): void {
    if (dateMs === undefined) return;
    const aheadMs = this.#clock() - dateMs;
    this.#correctionMs = Math.abs(aheadMs) > CLOCK_TOLERANCE_MS ? -aheadMs : 0;
  }
}
