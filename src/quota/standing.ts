import type { HoldKind, Setback } from './hold.ts';

/** Between two probes, in ms. */
export interface ProbeMs {
  /** While VOD does not answer, or something else answers in its place. */
  readonly outage: number;
  /** While the account or the clock is refused, which somebody must mend. */
  readonly account: number;
}

/** Failures in a row that make a process doubt all its requests. One refusal of the account or the clock says enough. */
const FAILURES: Readonly<Record<HoldKind, number>> = { outage: 5, blocked: 5, account: 1, clock: 1 };

const PROBES: Readonly<Record<HoldKind, keyof ProbeMs>> = {
  outage: 'outage',
  blocked: 'outage',
  account: 'account',
  clock: 'account',
};

export function probeMsOf(kind: HoldKind, probeMs: ProbeMs): number {
  return probeMs[PROBES[kind]];
}

/** Whoever was asked has looked, has sent a request of its own if it had none, and has written down the answer. */
const SETTLE_MS = 4000;

/** For how long an answer that another process got says something; longer where probes are rare. */
const FRESH_MS = 30_000;
const FRESH_PROBES = 5;

/**
 * Whose trouble it is that a process's requests fail:
 * - unknown: not yet known to be more than the trouble of a job or two.
 * - ask: the other processes are to be asked, and then it is
 * - wait: as long as they have time to answer.
 * - own: others are answered.
 * - all: nobody is.
 */
export type Verdict = 'unknown' | 'ask' | 'wait' | 'own' | 'all';

/**
 * How a process stands with a host of VOD. When its requests fail in a row it is out: it takes no more jobs that call
 * the host, and probes by itself until it is answered. Pure but for its clock.
 */
export class Standing {
  readonly #probeMs: ProbeMs;
  readonly #now: () => number;
  /** When the first failure since the last answer was. */
  #since: number | undefined;
  #failures = 0;
  #setback: Setback | undefined;
  #isOut = false;
  /** Whether a probe has failed as well. */
  #isConfirmed = false;
  #probeAt = 0;
  #helpedAt = Number.NEGATIVE_INFINITY;
  #askedAt: number | undefined;

  /** @param now in ms; must not jump when the clock is set */
  constructor(probeMs: ProbeMs, now: () => number) {
    this.#probeMs = probeMs;
    this.#now = now;
  }

  get isOut(): boolean {
    return this.#isOut;
  }

  /** The last failure since the last answer. */
  get setback(): Setback | undefined {
    return this.#setback;
  }

  /** Until the next probe, in ms. */
  get probeInMs(): number {
    return Math.max(0, this.#probeAt - this.#now());
  }

  /** A job's request failed. The first probe follows at once, unless one has just been answered and helped nothing. */
  failed(setback: Setback): void {
    const now = this.#note(setback);
    if (this.#isOut || this.#failures < FAILURES[setback.kind]) return;
    this.#isOut = true;
    const pauseMs = probeMsOf(setback.kind, this.#probeMs);
    const helpedNothing = now - this.#helpedAt < pauseMs;
    // What VOD says so plainly needs no more proof: the account may have the right to one call and not to another.
    this.#isConfirmed = helpedNothing && FAILURES[setback.kind] === 1;
    this.#probeAt = now + Math.max(helpedNothing ? pauseMs : 0, setback.retryAfterMs ?? 0);
  }

  /** A probe failed. @param setback absent when that says nothing of other requests */
  probeFailed(setback?: Setback): void {
    if (setback !== undefined) this.failed(setback);
    const known = this.#setback;
    if (!this.#isOut || known === undefined) return;
    this.#isConfirmed = true;
    this.#probeAt = this.#now() + Math.max(probeMsOf(known.kind, this.#probeMs), setback?.retryAfterMs ?? 0);
  }

  /** Others are answered again, so that this process may be as well. */
  probeSoon(): void {
    this.#probeAt = this.#now();
  }

  /** A job's request was answered. */
  answered(): void {
    this.#since = undefined;
    this.#failures = 0;
    this.#setback = undefined;
    this.#isOut = false;
    this.#isConfirmed = false;
    this.#askedAt = undefined;
  }

  probeAnswered(): void {
    if (this.#isOut) this.#helpedAt = this.#now();
    this.answered();
  }

  /** @param othersMs how long ago another process was answered; undefined: it is not known that one was */
  verdict(othersMs: number | undefined): Verdict {
    const { kind } = this.#setback ?? {};
    if (!this.#isConfirmed || kind === undefined || this.#since === undefined) return 'unknown';
    const now = this.#now();
    const freshMs = Math.max(FRESH_MS, FRESH_PROBES * probeMsOf(kind, this.#probeMs));
    if (othersMs !== undefined && othersMs < Math.min(freshMs, now - this.#since)) {
      this.#askedAt = undefined;
      return 'own';
    }
    if (this.#askedAt === undefined) {
      this.#askedAt = now;
      return 'ask';
    }
    return now - this.#askedAt < SETTLE_MS ? 'wait' : 'all';
  }

  #note(setback: Setback): number {
    const now = this.#now();
    this.#since ??= now;
    this.#failures++;
    this.#setback = setback;
    return now;
  }
}
