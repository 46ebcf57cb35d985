import type { HoldKind, SystemicFailure } from './hold.ts';

/** Time between two probes, in ms. */
export interface ProbeIntervals {
  /** While VOD does not answer, or a proxy or firewall answers in its place. */
  readonly outage: number;
  /** While VOD refuses the account or the clock, which somebody must fix. */
  readonly account: number;
}

const INTERVAL_OF: Readonly<Record<HoldKind, keyof ProbeIntervals>> = {
  outage: 'outage',
  blocked: 'outage',
  account: 'account',
  clock: 'account',
};

export function probeIntervalMs(kind: HoldKind, intervals: ProbeIntervals): number {
  return intervals[INTERVAL_OF[kind]];
}

/** Consecutive failures that open the circuit. One refusal of the account or the clock is enough. */
const FAILURES_TO_OPEN: Readonly<Record<HoldKind, number>> = { outage: 5, blocked: 5, account: 1, clock: 1 };

/** Within this time, peers that were asked have polled the question, sent a probe and recorded its answer. */
const PEERS_REPLY_MS = 4000;

/** How long an answer to another process counts as recent: the longer of these, since rare probes are answered rarely. */
const RECENT_MS = 30_000;
const RECENT_PROBES = 5;

/**
 * How many processes are affected by the failures:
 * - unknown: no probe has failed yet; it may be the problem of one or two jobs.
 * - ask: ask the other processes.
 * - wait: the other processes were asked, and still have time to reply.
 * - local: only this process; others are answered.
 * - global: nobody is answered.
 */
export type Scope = 'unknown' | 'ask' | 'wait' | 'local' | 'global';

/**
 * This process's circuit to one VOD host. Closed: the process takes jobs that call the host. Consecutive failures open
 * it: the process then takes none and sends probes at intervals, and any answer closes it. No I/O; the clock is injected.
 */
export class Circuit {
  readonly #intervals: ProbeIntervals;
  readonly #now: () => number;
  /** Time of the first failure since the last answer. */
  #failingSince: number | undefined;
  #failures = 0;
  #lastFailure: SystemicFailure | undefined;
  #isOpen = false;
  /** Whether a probe has failed too. */
  #isConfirmed = false;
  #probeAt = 0;
  /** When a probe last closed the circuit. */
  #closedByProbeAt = Number.NEGATIVE_INFINITY;
  #askedPeersAt: number | undefined;

  /** @param now in ms; must be monotonic */
  constructor(intervals: ProbeIntervals, now: () => number) {
    this.#intervals = intervals;
    this.#now = now;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The last failure since the last answer. */
  get lastFailure(): SystemicFailure | undefined {
    return this.#lastFailure;
  }

  /** Time until the next probe, in ms. */
  get probeInMs(): number {
    return Math.max(0, this.#probeAt - this.#now());
  }

  /** A job's request failed. The first probe is due at once, unless a probe was answered just now and jobs still fail. */
  requestFailed(failure: SystemicFailure): void {
    const now = this.#now();
    this.#failingSince ??= now;
    this.#failures++;
    this.#lastFailure = failure;
    if (this.#isOpen || this.#failures < FAILURES_TO_OPEN[failure.kind]) return;
    this.#isOpen = true;
    const intervalMs = probeIntervalMs(failure.kind, this.#intervals);
    const probeHelpedNothing = now - this.#closedByProbeAt < intervalMs;
    // An explicit refusal needs no second probe: the account may have the right to one call and not to another.
    this.#isConfirmed = probeHelpedNothing && FAILURES_TO_OPEN[failure.kind] === 1;
    this.#probeAt = now + Math.max(probeHelpedNothing ? intervalMs : 0, failure.retryAfterMs ?? 0);
  }

  /** @param failure absent when the probe's error says nothing about other requests */
  probeFailed(failure?: SystemicFailure): void {
    if (failure !== undefined) this.requestFailed(failure);
    const last = this.#lastFailure;
    if (!this.#isOpen || last === undefined) return;
    this.#isConfirmed = true;
    const intervalMs = probeIntervalMs(last.kind, this.#intervals);
    this.#probeAt = this.#now() + Math.max(intervalMs, failure?.retryAfterMs ?? 0);
  }

  /** Makes a probe due at once: others are answered again, so this process may be too. */
  probeNow(): void {
    this.#probeAt = this.#now();
  }

  requestAnswered(): void {
    this.#failingSince = undefined;
    this.#failures = 0;
    this.#lastFailure = undefined;
    this.#isOpen = false;
    this.#isConfirmed = false;
    this.#askedPeersAt = undefined;
  }

  probeAnswered(): void {
    if (this.#isOpen) this.#closedByProbeAt = this.#now();
    this.requestAnswered();
  }

  /** @param peerAnsweredMs how long ago VOD answered another process, in ms; undefined when none is known */
  scope(peerAnsweredMs: number | undefined): Scope {
    const { kind } = this.#lastFailure ?? {};
    if (!this.#isConfirmed || kind === undefined || this.#failingSince === undefined) return 'unknown';
    const now = this.#now();
    const recentMs = Math.max(RECENT_MS, RECENT_PROBES * probeIntervalMs(kind, this.#intervals));
    if (peerAnsweredMs !== undefined && peerAnsweredMs < Math.min(recentMs, now - this.#failingSince)) {
      this.#askedPeersAt = undefined;
      return 'local';
    }
    if (this.#askedPeersAt === undefined) {
      this.#askedPeersAt = now;
      return 'ask';
    }
    return now - this.#askedPeersAt < PEERS_REPLY_MS ? 'wait' : 'global';
  }
}
