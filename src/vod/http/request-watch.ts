import type { Line } from './line.ts';
import { bodyMs, connectionMs, pieceMs, replyMs, requestMs, type VodTimeouts } from './timeouts.ts';

/** A piece that a connection takes sooner did not have to wait for the line. */
const AT_ONCE_MS = 250;

const SENDING = 'sending the request';

/**
 * Watches over a request. Of one with a body it does not count how long that takes but whether it gets on: each piece
 * that the connection takes gives it time for the next one, and when all are taken, for what may still be held on the
 * way before the service has it.
 */
export class RequestWatch {
  readonly #timeouts: VodTimeouts;
  readonly #bodyBytes: number | undefined;
  readonly #line: Line;
  readonly #onOverdue: (what: string) => void;
  /** For the step that it is at. */
  #timer: NodeJS.Timeout | undefined;
  /** For all of the body. */
  #limit: NodeJS.Timeout | undefined;
  #connectedAt: number | undefined;
  /** Of the piece that the connection was given and has not taken. */
  #pieceBytes = 0;
  /** When it last got on by itself. */
  #movedAt = performance.now();
  #tooSlow = false;
  #ended = false;

  /** @param onOverdue told at most once, what takes too long */
  constructor(options: {
    readonly timeouts: VodTimeouts;
    /** Undefined: it has no body, and its steps are left to the HTTP client. */
    readonly bodyBytes: number | undefined;
    readonly line: Line;
    readonly onOverdue: (what: string) => void;
  }) {
    this.#timeouts = options.timeouts;
    this.#bodyBytes = options.bodyBytes;
    this.#line = options.line;
    this.#onOverdue = options.onOverdue;
    if (this.#bodyBytes === undefined) this.#expect('the whole request', requestMs(this.#timeouts));
    else this.#expect('connecting', connectionMs(this.#timeouts));
  }

  /** Whether the line moved while it did not, or it moved itself and was too slow: the service is not out. */
  get strained(): boolean {
    return this.#tooSlow || this.#line.movedSince(this.#movedAt);
  }

  connected(): void {
    if (this.#ended || this.#connectedAt !== undefined) return;
    this.#connectedAt = performance.now();
    if (this.#bodyBytes === undefined) return;
    this.#movedAt = this.#connectedAt;
    const tooSlow = (): void => {
      this.#tooSlow = true;
      this.#overdue(SENDING);
    };
    this.#limit = setTimeout(tooSlow, bodyMs(this.#timeouts, this.#bodyBytes));
    this.#expectPiece();
  }

  /** The connection is given a piece of the body, which waits when there is no connection yet. */
  given(bytes: number): void {
    this.#pieceBytes = bytes;
    this.#movedAt = performance.now();
    this.#expectPiece();
  }

  /** The connection has taken the piece. */
  taken(): void {
    if (this.#ended) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    const waitedMs = now - this.#movedAt;
    this.#movedAt = now;
    this.#pieceBytes = 0;
    // At first it may only have waited for room in what is held on the way, be it to a service that is gone.
    const ageMs = now - (this.#connectedAt ?? now);
    if (waitedMs >= AT_ONCE_MS && ageMs > this.#timeouts.stallMs) this.#line.moved(now);
  }

  /** The connection has taken all of the body. */
  sent(): void {
    clearTimeout(this.#limit);
    const ms = replyMs(this.#timeouts, this.#bodyBytes ?? 0, this.#line.slowestMs);
    this.#expect('waiting for the reply', ms);
  }

  /** The reply has begun: the rest is left to the HTTP client. */
  replied(): void {
    if (this.#bodyBytes !== undefined) this.end();
  }

  /** The service has answered. */
  answered(): void {
    const now = performance.now();
    this.#line.moved(now);
    this.#tellTime(now);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#limit);
  }

  #expectPiece(): void {
    if (this.#pieceBytes === 0 || this.#connectedAt === undefined) return;
    this.#expect(SENDING, pieceMs(this.#timeouts, this.#pieceBytes));
  }

  #tellTime(now: number): void {
    if (this.#bodyBytes !== undefined && this.#connectedAt !== undefined) {
      this.#line.took(now - this.#connectedAt, this.#bodyBytes);
    }
  }

  #expect(what: string, ms: number): void {
    if (this.#ended) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#overdue(what), ms);
  }

  #overdue(what: string): void {
    this.#tellTime(performance.now());
    this.end();
    this.#onOverdue(what);
  }
}
