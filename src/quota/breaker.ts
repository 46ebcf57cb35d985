import { setTimeout } from 'node:timers/promises';
import { printable } from '../base/printable.ts';
import type { Logger } from '../process/log.ts';
import type { CircuitBreaker } from '../queue/consumer.ts';
import type { PauseControl } from '../queue/pause-control.ts';
import { VodError } from '../vod/wire/vod-error.ts';
import { Circuit } from './circuit.ts';
import { type Hold, type HoldKind, parseHold, type SystemicFailure, systemicFailure } from './hold.ts';
import { InterruptedJobs } from './interrupted-jobs.ts';
import { Peers } from './peers.ts';
import { QueueHold, type QueueHoldSettings } from './queue-hold.ts';

export interface BreakerSettings extends QueueHoldSettings {
  /**
   * Sends a request that changes nothing. @returns the code that VOD answered with. @throws VodError when there was no
   * answer, or VOD refused the account or the clock. Absent where this process does not call the host.
   */
  readonly probe?: ((signal: AbortSignal) => Promise<string>) | undefined;
  readonly log: Logger;
  readonly onChange: (state: BreakerState) => void;
}

/** Why jobs wait. At most one of these is set. */
export interface BreakerState {
  /** The queues are held, for all replicas. */
  readonly hold?: Hold | undefined;
  /** Only this process takes no jobs: VOD answers others. */
  readonly localHold?: Hold | undefined;
}

const HELD: Readonly<Record<HoldKind, string>> = {
  outage: 'vod does not answer; queues are held and probed',
  blocked: 'requests do not reach vod; queues are held and probed',
  account: 'account refused; queues are held and probed',
  clock: "workers' clock is wrong; queues are held and probed",
};

/** Interval of reading the hold and the peers' question from Redis. */
const POLL_MS = 1000;

const PROBE_TIMEOUT_MS = 10_000;

/**
 * A circuit breaker on two levels. A process whose requests fail in a row opens its own circuit: it takes no jobs that
 * call this host, and probes until VOD answers. When no other process is answered either, all queues of the host are
 * held for all replicas (half-open): BullMQ's global rate limit lets each queue start one job per probe interval, and
 * the first answer to any process ends the hold. Failures in the meantime interrupt a job and do not fail it.
 */
export class Breaker implements CircuitBreaker {
  readonly #settings: BreakerSettings;
  readonly #circuit: Circuit;
  readonly #queueHold: QueueHold;
  readonly #peers: Peers;
  readonly #interruptedJobs = new InterruptedJobs();
  readonly #poll: NodeJS.Timeout;
  readonly #stopping = new AbortController();
  readonly #workers: PauseControl[] = [];
  #state: BreakerState = {};
  #answeredAt = Number.NEGATIVE_INFINITY;
  #isProbing = false;
  #isReplying = false;

  private constructor(settings: BreakerSettings) {
    this.#settings = settings;
    this.#circuit = new Circuit(settings.probeMs, now);
    this.#queueHold = new QueueHold(settings);
    this.#peers = new Peers(settings.redis, settings.key);
    this.#poll = setInterval(() => void this.#readRedis().catch(() => {}), POLL_MS);
    this.#poll.unref();
  }

  /**
   * Limits the queues to probes when they are held already. Otherwise ends waits for a quota, which this process may have
   * been started to change: if the quota is still used up, its first job holds the queue again.
   */
  static async start(settings: BreakerSettings): Promise<Breaker> {
    const breaker = new Breaker(settings);
    await breaker.#readRedis();
    await breaker.#queueHold.applyLimits(breaker.#state.hold);
    if (!breaker.isHeld) await breaker.#queueHold.endWindows();
    return breaker;
  }

  get isOpen(): boolean {
    return this.canProbe && this.#circuit.isOpen;
  }

  /** Why this process is not ready, for people; undefined while its circuit is closed or all queues are held. */
  get unreadyReason(): string | undefined {
    const { lastFailure } = this.#circuit;
    if (!this.isOpen || lastFailure === undefined || this.isHeld) return undefined;
    const summary =
      this.#state.localHold === undefined
        ? 'VOD does not answer this worker'
        : 'VOD answers other workers, and not this one';
    return `${summary}: ${printable(lastFailure.message)} [${lastFailure.code}]`;
  }

  /** Whether this process calls the host. */
  get canProbe(): boolean {
    return this.#settings.probe !== undefined;
  }

  /** Whether all queues are held, as far as this process knows. */
  get isHeld(): boolean {
    return this.#state.hold !== undefined;
  }

  pauseWhileOpen(worker: PauseControl): void {
    this.#workers.push(worker);
    if (this.isOpen) worker.pause(this);
  }

  /** Checks whether VOD accepts this process's key, and opens the circuit when it refuses it. Logs VOD's answer. */
  async checkKey(): Promise<void> {
    const { probe, log } = this.#settings;
    if (probe === undefined) return;
    try {
      const code = await probe(this.#probeSignal());
      log.info({ code }, 'key accepted');
      this.#circuit.probeAnswered();
      await this.#answered(true);
    } catch (error) {
      if (!(error instanceof VodError)) throw error;
      const { code } = error;
      const reason = code === 'ABORTED' ? `no answer within ${PROBE_TIMEOUT_MS / 1000} s` : error.message;
      this.#circuit.probeFailed(systemicFailure(error));
      this.#probeIfOpen();
      if (this.isOpen) log.error({ code, reason }, 'key refused; this worker takes no jobs and probes');
      else log.warn({ code, reason }, 'key not checked');
    }
  }

  /**
   * VOD answered a request; a refusal of only that request counts. Never rejects: when Redis is unreachable, the next answer
   * is recorded instead.
   */
  async recordAnswer(): Promise<void> {
    this.#circuit.requestAnswered();
    await this.#answered(false);
  }

  recordFailure(jobId: string, error: VodError): boolean {
    const failure = systemicFailure(error);
    if (failure === undefined) return false;
    const { congested } = error;
    // A congested network still moves data: no outage.
    if (!congested) {
      this.#circuit.requestFailed(failure);
      this.#probeIfOpen();
    }
    if (this.isOpen || this.isHeld) return true;
    return this.#interruptedJobs.record(jobId, { now: now(), answeredAt: this.#answeredAt, congested });
  }

  stop(): void {
    clearInterval(this.#poll);
    this.#stopping.abort();
  }

  #probeIfOpen(): void {
    if (!this.isOpen || this.#isProbing || this.#stopping.signal.aborted) return;
    this.#isProbing = true;
    void this.#probeUntilClosed().finally(() => {
      this.#isProbing = false;
      // A job may have opened it again in the meantime.
      this.#probeIfOpen();
    });
  }

  /** Pauses the workers until a probe, or a request that was already in flight, is answered. */
  async #probeUntilClosed(): Promise<void> {
    const { signal } = this.#stopping;
    for (const worker of this.#workers) worker.pause(this);
    while (this.isOpen && !signal.aborted) {
      if (this.#circuit.probeInMs === 0) await this.#probe();
      await this.#determineScope().catch(() => {});
      const ms = Math.min(POLL_MS, this.#circuit.probeInMs);
      await setTimeout(ms, undefined, { signal }).catch(() => {});
    }
    if (!signal.aborted) for (const worker of this.#workers) worker.resume(this);
  }

  async #probe(): Promise<void> {
    try {
      await this.#settings.probe?.(this.#probeSignal());
      this.#circuit.probeAnswered();
      await this.#answered(true);
    } catch (error) {
      this.#circuit.probeFailed(error instanceof VodError ? systemicFailure(error) : undefined);
    }
  }

  /** Finds out whether only this process is affected or all are, and acts on it. */
  async #determineScope(): Promise<void> {
    const { lastFailure } = this.#circuit;
    if (!this.isOpen || lastFailure === undefined) return;
    const peerAnsweredMs = await this.#peers.lastAnswerMs();
    if (!this.isOpen) return;
    const scope = this.#circuit.scope(peerAnsweredMs);
    if (scope === 'ask') await this.#peers.ask();
    else if (scope === 'local') this.#holdLocally(lastFailure);
    else if (scope === 'global' && !this.isHeld) await this.#holdQueues(lastFailure);
  }

  #holdLocally({ kind, code, message }: SystemicFailure): void {
    if (this.#state.localHold !== undefined || this.isHeld) return;
    this.#setState({ localHold: { kind, code, message, since: Date.now() } });
    this.#settings.log.error(
      { hold: kind, stages: this.#settings.stages, code, reason: message },
      'vod answers others, and not this worker; it takes no jobs and probes',
    );
  }

  async #holdQueues({ kind, code, message, retryAfterMs }: SystemicFailure): Promise<void> {
    const hold: Hold = { kind, since: Date.now(), code, message };
    const isFirst = await this.#queueHold.set(hold);
    this.#setState({ hold });
    const { stages } = this.#settings;
    if (isFirst) this.#settings.log.error({ hold: kind, stages, code, reason: message }, HELD[kind]);
    await this.#queueHold.applyLimits(this.#state.hold, retryAfterMs);
  }

  async #answered(byProbe: boolean): Promise<void> {
    this.#answeredAt = now();
    void this.#peers.recordAnswer(byProbe);
    const { localHold } = this.#state;
    if (localHold !== undefined) {
      this.#setState({});
      const { kind: hold, since } = localHold;
      const fields = { hold, stages: this.#settings.stages, outMs: Date.now() - since };
      this.#settings.log.warn(fields, 'vod answers; this worker takes jobs again');
    }
    if (this.isHeld) await this.#releaseQueues().catch(() => {});
  }

  async #releaseQueues(): Promise<void> {
    const { kind: hold, since = 0 } = this.#state.hold ?? {};
    this.#setState({});
    if (!(await this.#queueHold.remove())) return;
    await this.#queueHold.applyLimits(this.#state.hold);
    await this.#queueHold.endWindows();
    const { stages } = this.#settings;
    this.#settings.log.warn({ hold, stages, heldMs: Date.now() - since }, 'vod answers; queues are released');
  }

  async #readRedis(): Promise<void> {
    const { redis, key } = this.#settings;
    const [value = null, question] = await redis.mget(key, this.#peers.questionKey);
    const hold = parseHold(value);
    if (this.#state.hold?.since !== hold?.since) {
      if (hold === undefined) this.#circuit.probeNow();
      this.#setState({ hold });
    }
    if (this.#peers.isFromPeer(question)) await this.#replyToPeer();
  }

  /** Sends a probe for a process that asks whether anybody is answered, unless this one was just now. */
  async #replyToPeer(): Promise<void> {
    if (this.#isReplying || this.isOpen || now() - this.#answeredAt < POLL_MS) return;
    this.#isReplying = true;
    await this.#probe();
    this.#isReplying = false;
    this.#probeIfOpen();
  }

  #probeSignal(): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
  }

  #setState({ hold, localHold }: BreakerState): void {
    this.#state = { hold, localHold };
    this.#settings.onChange(this.#state);
  }
}

/** Monotonic time in ms. */
const now = (): number => performance.now();
