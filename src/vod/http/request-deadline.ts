import { bodyMs, connectionMs, pieceMs, replyMs, requestMs, type VodTimeouts } from './timeouts.ts';
import type { TransferStats } from './transfer-stats.ts';

/** A piece that the connection accepted sooner went into a buffer. */
const BUFFERED_MS = 250;

const SENDING = 'sending the request';

interface DeadlineOptions {
  readonly timeouts: VodTimeouts;
  /** Undefined if there is no body; then only the request as a whole has a deadline here. */
  readonly bodyBytes: number | undefined;
  readonly stats: TransferStats;
  /** Called at most once, with the step that took too long. */
  readonly onTimeout: (step: string) => void;
}

/**
 * The deadline of one request. The time for a body depends on its progress: each piece that the connection accepts gives
 * time for the next one. After the last piece there is time for what may still be in buffers on the way to the service.
 */
export class RequestDeadline {
  readonly #options: DeadlineOptions;
  /** For the current step. */
  #stepTimer: NodeJS.Timeout | undefined;
  /** For the whole body; not running while it waits for the bandwidth limit. */
  #bodyTimer: NodeJS.Timeout | undefined;
  #bodyLeftMs = 0;
  #bodyResumedAt = 0;
  #isWaiting = false;
  #connectedAt: number | undefined;
  /** Size of the piece that the connection has not accepted yet; 0 if there is none. */
  #pieceBytes = 0;
  #progressAt = performance.now();
  #bodyTooSlow = false;
  #ended = false;

  constructor(options: DeadlineOptions) {
    this.#options = options;
    const { timeouts, bodyBytes } = options;
    if (bodyBytes === undefined) {
      this.#startStep('the whole request', requestMs(timeouts));
      return;
    }
    this.#bodyLeftMs = bodyMs(timeouts, bodyBytes);
    this.#startStep('connecting', connectionMs(timeouts));
  }

  /** Whether there was a connection, so that the service may have got the request. */
  get isConnected(): boolean {
    return this.#connectedAt !== undefined;
  }

  /** Whether the service was still reachable after this request stalled, or this body progressed but was too slow. */
  get congested(): boolean {
    return this.#bodyTooSlow || this.#options.stats.progressedSince(this.#progressAt);
  }

  connected(): void {
    if (this.#connectedAt !== undefined) return;
    this.#connectedAt = performance.now();
    if (this.#ended || this.#options.bodyBytes === undefined) return;
    clearTimeout(this.#stepTimer);
    this.#progressAt = this.#connectedAt;
    if (!this.#isWaiting) this.#resumeBody();
    this.#startPiece();
  }

  /** The time until {@link pieceStarted} counts against no time-out. */
  pieceWaits(): void {
    this.#isWaiting = true;
    if (this.#bodyTimer === undefined) return;
    clearTimeout(this.#bodyTimer);
    this.#bodyTimer = undefined;
    this.#bodyLeftMs -= performance.now() - this.#bodyResumedAt;
  }

  /** There may be no connection yet: the piece then waits for it. */
  pieceStarted(bytes: number): void {
    this.#pieceBytes = bytes;
    this.#progressAt = performance.now();
    if (this.#isWaiting && this.#connectedAt !== undefined) this.#resumeBody();
    this.#isWaiting = false;
    this.#startPiece();
  }

  pieceSent(): void {
    if (this.#ended) return;
    clearTimeout(this.#stepTimer);
    const now = performance.now();
    const waitedMs = now - this.#progressAt;
    this.#progressAt = now;
    this.#pieceBytes = 0;
    // Soon after connecting the piece may only have filled buffers, even if the service is down.
    const connectedMs = now - (this.#connectedAt ?? now);
    const { timeouts, stats } = this.#options;
    if (waitedMs >= BUFFERED_MS && connectedMs > timeouts.stallMs) stats.progressed(now);
  }

  bodySent(): void {
    clearTimeout(this.#bodyTimer);
    const { timeouts, bodyBytes = 0, stats } = this.#options;
    this.#startStep('waiting for the reply', replyMs(timeouts, bodyBytes, stats.slowestMs));
  }

  /** The time-outs of the HTTP client cover the rest of a request with a body. */
  replyStarted(): void {
    if (this.#options.bodyBytes !== undefined) this.end();
  }

  /** The service has answered. */
  replied(): void {
    const now = performance.now();
    this.#options.stats.progressed(now);
    this.#recordBody(now);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#stepTimer);
    clearTimeout(this.#bodyTimer);
  }

  #resumeBody(): void {
    if (this.#ended) return;
    this.#bodyResumedAt = performance.now();
    this.#bodyTimer = setTimeout(() => {
      this.#bodyTooSlow = true;
      this.#expire(SENDING);
    }, this.#bodyLeftMs);
  }

  #startPiece(): void {
    if (this.#pieceBytes === 0 || this.#connectedAt === undefined) return;
    this.#startStep(SENDING, pieceMs(this.#options.timeouts, this.#pieceBytes));
  }

  #startStep(step: string, ms: number): void {
    if (this.#ended) return;
    clearTimeout(this.#stepTimer);
    this.#stepTimer = setTimeout(() => this.#expire(step), ms);
  }

  #expire(step: string): void {
    this.#recordBody(performance.now());
    this.end();
    this.#options.onTimeout(step);
  }

  #recordBody(now: number): void {
    const { bodyBytes, stats } = this.#options;
    if (bodyBytes !== undefined && this.#connectedAt !== undefined) {
      stats.addBody(now - this.#connectedAt, bodyBytes);
    }
  }
}
