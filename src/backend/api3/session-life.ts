import { formatSpan } from '../../base/format.ts';
import { sessionError } from './errors.ts';
import type { Api3Session } from './session.ts';

/** A session needs at least this long for its next request. */
const MIN_LEFT_MS = 60_000;

/** It need not live longer than this for a part: a session that has just begun must take every part. */
const MAX_PART_MS = 30 * 60_000;

/** The time of a smaller part says nothing about that of a larger one. */
const MIN_MEASURED_BYTES = 2 ** 20;

/** A part may take this many times as long as the slowest recent one. */
const SAFETY = 2;

/** How fast the estimate forgets slow parts. */
const DECAY = 0.9;

/** Knows whether a session lives long enough for a part. */
export class SessionLife {
  readonly #serviceTimeMs: () => number | undefined;
  #msPerByte = 0;

  /** @param serviceTimeMs the service's time; undefined until one of its replies has told it */
  constructor(serviceTimeMs: () => number | undefined) {
    this.#serviceTimeMs = serviceTimeMs;
  }

  /** A part was sent in this time. */
  sent(bytes: number, ms: number): void {
    this.#msPerByte = Math.max(this.#msPerByte * DECAY, ms / Math.max(bytes, MIN_MEASURED_BYTES));
  }

  /** How long the credentials of a session still live, in ms; undefined if that is not known. */
  leftMs({ credentials }: Pick<Api3Session, 'credentials'>): number | undefined {
    const now = this.#serviceTimeMs();
    return now === undefined ? undefined : credentials.expiresAtMs - now;
  }

  /** Whether there is time to send this many bytes. */
  hasTimeFor(session: Pick<Api3Session, 'credentials'>, bytes: number): boolean {
    const leftMs = this.leftMs(session) ?? Number.POSITIVE_INFINITY;
    return leftMs >= MIN_LEFT_MS + Math.min(MAX_PART_MS, SAFETY * bytes * this.#msPerByte);
  }

  /** @throws {VodError} of kind `session` if there is too little time to send this many bytes */
  checkTimeFor(session: Pick<Api3Session, 'credentials'>, bytes: number): void {
    if (this.hasTimeFor(session, bytes)) return;
    const leftMs = this.leftMs(session) ?? 0;
    const state = leftMs > 0 ? `expires in ${formatSpan(leftMs)}` : `expired ${formatSpan(-leftMs)} ago`;
    throw sessionError('UploadPart', 'SESSION_EXPIRED', `its session ${state}, too soon for this part`);
  }
}
