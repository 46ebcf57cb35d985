import { setTimeout } from 'node:timers/promises';
import { printable } from '../base/format.ts';
import type { Logger } from '../process/log.ts';
import type { CircuitBreaker } from '../queue/consumer.ts';
import type { Stage } from '../queue/names.ts';
import type { Pauses } from '../queue/pauses.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/connection.ts';
import { VodError } from '../vod/wire/vod-error.ts';
import { type Hold, type HoldKind, parseHold, type Setback, setbackOf } from './hold.ts';
import { type RateWindow, rateWindow, setLimit } from './limits.ts';
import { Peers } from './peers.ts';
import { type ProbeMs, probeMsOf, Standing } from './standing.ts';

export interface BreakerSettings {
  readonly queues: Queues;
  readonly redis: RedisClient;
  /** Of the hold in Redis: one for each host of VOD. */
  readonly key: string;
  /** Of each queue that calls this host, the requests per minute that it gets back when all is well; 0 = no limit. */
  readonly quotaPerMinute: Readonly<Partial<Record<Stage, number>>>;
  /** How long the service's minute is. */
  readonly minuteMs: number;
  /**
   * While held, each queue starts one job in this time, to see whether all is well again; and a process that is out
   * probes as often.
   */
  readonly probeMs: ProbeMs;
  /**
   * Sends a request that changes nothing. @returns the code that VOD answered with. @throws VodError when it was not
   * answered, or refused the account or the clock. Absent where this process does not call the host.
   */
  readonly probe?: ((signal: AbortSignal) => Promise<string>) | undefined;
  readonly log: Logger;
  readonly onChange: (state: BreakerState) => void;
}

/** Why work waits. At most one of them is there. */
export interface BreakerState {
  /** The queues are held, for all replicas. */
  readonly hold?: Hold | undefined;
  /** This process is out: VOD answers others. */
  readonly own?: Hold | undefined;
}

const HELD: Readonly<Record<HoldKind, string>> = {
  outage: 'vod is out; queues are held and probed',
  blocked: 'requests do not get through to vod; queues are held and probed',
  account: 'account refused; queues are held and probed',
  clock: "workers' clock is wrong; queues are held and probed",
};

/** How often a process looks whether the queues are held, and whether it is asked. */
const LOOK_MS = 1000;

const PROBE_TIMEOUT_MS = 10_000;

/**
 * A circuit breaker on two levels. A process whose requests fail in a row is out: it takes no jobs that call this host,
 * and probes by itself until it is answered. When nobody else is answered either, all queues of the host are held for
 * all replicas: each lets one job start per probe interval, by BullMQ's own queue-wide limit, and the first answer that
 * anybody gets ends that. What fails meanwhile is an interruption of the job and not its failure.
 */
export class Breaker implements CircuitBreaker {
  readonly #settings: BreakerSettings;
  readonly #standing: Standing;
  readonly #peers: Peers;
  readonly #poll: NodeJS.Timeout;
  readonly #stopping = new AbortController();
  readonly #workers: Pauses[] = [];
  #hold: Hold | undefined;
  #own: Hold | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;
  #isStayingOut = false;
  #isFindingOut = false;
  /** When jobs of this process were last interrupted, by job id. */
  readonly #interruptedAt = new Map<string, number>();

  private constructor(settings: BreakerSettings) {
    this.#settings = settings;
    this.#standing = new Standing(settings.probeMs, now);
    this.#peers = new Peers(settings.redis, settings.key);
    this.#poll = setInterval(() => void this.#look().catch(() => {}), LOOK_MS);
    this.#poll.unref();
  }

  /** Sets the limits of the queues: the quotas, or the probes' when the queues are held already. */
  static async start(settings: BreakerSettings): Promise<Breaker> {
    const breaker = new Breaker(settings);
    await breaker.#look();
    await breaker.#limit();
    return breaker;
  }

  /** Whether this process takes no jobs that call the host. */
  get isOut(): boolean {
    return this.canProbe && this.#standing.isOut;
  }

  /** Why this process takes no jobs that call the host, for people; undefined while it does, or the queues are held. */
  get unready(): string | undefined {
    const { setback } = this.#standing;
    if (!this.isOut || setback === undefined || this.#hold !== undefined) return undefined;
    const what =
      this.#own === undefined
        ? 'VOD does not answer this worker'
        : 'VOD answers other workers, and not this one';
    return `${what}: ${printable(setback.message)} [${setback.code}]`;
  }

  /** Whether this process calls the host. */
  get canProbe(): boolean {
    return this.#settings.probe !== undefined;
  }

  /** Whether the queues are held, as far as this process knows. */
  get isHeld(): boolean {
    return this.#hold !== undefined;
  }

  /** Has a worker take jobs only while this process is not out. One that is made meanwhile must not run by itself. */
  follow(worker: Pauses): void {
    this.#workers.push(worker);
    if (this.isOut) worker.begin(this);
  }

  /** Finds out whether VOD takes this process's key, and begins out when it does not. Says what VOD answered. */
  async check(): Promise<void> {
    const { probe, log } = this.#settings;
    if (probe === undefined) return;
    try {
      const code = await probe(this.#probeSignal());
      log.info({ code }, 'key accepted');
      this.#standing.probeAnswered();
      await this.#answered(true);
    } catch (error) {
      if (!(error instanceof VodError)) throw error;
      const { code } = error;
      const reason = code === 'ABORTED' ? `no answer within ${PROBE_TIMEOUT_MS / 1000} s` : error.message;
      this.#standing.probeFailed(setbackOf(error));
      this.#stayOutIfOut();
      if (this.isOut) log.error({ code, reason }, 'key refused; this worker begins without jobs and probes');
      else log.warn({ code, reason }, 'key not checked: vod did not answer');
    }
  }

  /**
   * VOD answered, be it with a refusal that is only about the request. Never rejects: when Redis can't be told, the next
   * answer tells it.
   */
  async answered(): Promise<void> {
    this.#standing.answered();
    await this.#answered(false);
  }

  /**
   * Takes notice of a failed call.
   * @returns whether the job was only interrupted, and so keeps its attempt
   */
  interrupted(jobId: string, error: VodError): boolean {
    const setback = setbackOf(error);
    if (setback === undefined) return false;
    // The line takes no more at a time, but moves: that is nobody's outage.
    const { strained } = error;
    if (!strained) {
      this.#standing.failed(setback);
      this.#stayOutIfOut();
    }
    if (this.isOut || this.#hold !== undefined) return true;
    // Not yet known to be everybody's. A job that fails again after others were answered has a trouble of its own.
    const before = this.#interruptedAt.get(jobId);
    if (this.#interruptedAt.size > 10_000) this.#interruptedAt.clear();
    this.#interruptedAt.set(jobId, now());
    return before === undefined || (!strained && this.#answeredAt < before);
  }

  stop(): void {
    clearInterval(this.#poll);
    this.#stopping.abort();
  }

  #stayOutIfOut(): void {
    if (!this.isOut || this.#isStayingOut || this.#stopping.signal.aborted) return;
    this.#isStayingOut = true;
    void this.#stayOut().finally(() => {
      this.#isStayingOut = false;
      // It may have failed again since.
      this.#stayOutIfOut();
    });
  }

  /** Until a probe, or what was still on its way, is answered. */
  async #stayOut(): Promise<void> {
    const { signal } = this.#stopping;
    for (const worker of this.#workers) worker.begin(this);
    while (this.isOut && !signal.aborted) {
      if (this.#standing.probeInMs === 0) await this.#probe();
      await this.#judge().catch(() => {});
      const ms = Math.min(LOOK_MS, this.#standing.probeInMs);
      await setTimeout(ms, undefined, { signal }).catch(() => {});
    }
    if (!signal.aborted) for (const worker of this.#workers) worker.end(this);
  }

  async #probe(): Promise<void> {
    try {
      await this.#settings.probe?.(this.#probeSignal());
      this.#standing.probeAnswered();
      await this.#answered(true);
    } catch (error) {
      this.#standing.probeFailed(error instanceof VodError ? setbackOf(error) : undefined);
    }
  }

  /** Says whose trouble it is, as far as that is known. */
  async #judge(): Promise<void> {
    const { setback } = this.#standing;
    if (!this.isOut || setback === undefined) return;
    const othersMs = await this.#peers.othersMs();
    if (!this.isOut) return;
    const verdict = this.#standing.verdict(othersMs);
    if (verdict === 'ask') await this.#peers.ask();
    else if (verdict === 'own') this.#takeOut(setback);
    else if (verdict === 'all' && this.#hold === undefined) await this.#open(setback);
  }

  #takeOut(setback: Setback): void {
    if (this.#own !== undefined || this.#hold !== undefined) return;
    const { kind, code, message } = setback;
    this.#show({ own: { kind, code, message, since: Date.now() } });
    this.#settings.log.error(
      { hold: kind, stages: this.#stages(), code, reason: message },
      'vod answers others, and not this worker; it takes no jobs and probes',
    );
  }

  async #open({ kind, code, message, retryAfterMs }: Setback): Promise<void> {
    const { redis, key, log } = this.#settings;
    const hold: Hold = { kind, since: Date.now(), code, message };
    const isFirst = (await redis.set(key, JSON.stringify(hold), 'NX')) !== null;
    this.#show({ hold });
    if (isFirst) log.error({ hold: kind, stages: this.#stages(), code, reason: message }, HELD[kind]);
    await this.#limit(retryAfterMs);
  }

  async #answered(byProbe: boolean): Promise<void> {
    this.#answeredAt = now();
    void this.#peers.answered(byProbe);
    if (this.#own !== undefined) {
      const { kind: hold, since } = this.#own;
      this.#show({});
      const fields = { hold, stages: this.#stages(), outMs: Date.now() - since };
      this.#settings.log.warn(fields, 'vod answers; this worker goes on');
    }
    if (this.#hold !== undefined) await this.#close().catch(() => {});
  }

  async #close(): Promise<void> {
    const { redis, key, log, queues } = this.#settings;
    const { kind: hold, since = 0 } = this.#hold ?? {};
    this.#show({});
    if ((await redis.del(key)) === 0) return;
    await this.#limit();
    const stages = this.#stages();
    // Without waiting for the probes' window to end.
    await Promise.all(stages.map((stage) => queues[stage].removeRateLimitKey()));
    log.warn({ hold, stages, heldMs: Date.now() - since }, 'vod answers; queues go on');
  }

  /** @param leastMs of the time between two probes while held */
  async #limit(leastMs = 0): Promise<void> {
    const { queues, quotaPerMinute, minuteMs, probeMs } = this.#settings;
    const hold = this.#hold;
    const limit = (quota = 0): RateWindow =>
      hold === undefined
        ? rateWindow(quota, minuteMs)
        : { max: 1, windowMs: Math.max(probeMsOf(hold.kind, probeMs), leastMs) };
    await Promise.all(this.#stages().map((stage) => setLimit(queues[stage], limit(quotaPerMinute[stage]))));
  }

  /** That call the host. */
  #stages(): Stage[] {
    return Object.keys(this.#settings.quotaPerMinute) as Stage[];
  }

  async #look(): Promise<void> {
    const { redis, key } = this.#settings;
    const [value = null, question] = await redis.mget(key, this.#peers.questionKey);
    const hold = parseHold(value);
    if (this.#hold?.since !== hold?.since) {
      if (hold === undefined) this.#standing.probeSoon();
      this.#show({ hold });
    }
    if (this.#peers.isAsked(question)) await this.#findOut();
  }

  /** Another process wants to know whether anybody is answered. */
  async #findOut(): Promise<void> {
    if (this.#isFindingOut || this.isOut || now() - this.#answeredAt < LOOK_MS) return;
    this.#isFindingOut = true;
    await this.#probe();
    this.#isFindingOut = false;
    this.#stayOutIfOut();
  }

  #probeSignal(): AbortSignal {
    return AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
  }

  #show({ hold, own }: BreakerState): void {
    this.#hold = hold;
    this.#own = own;
    this.#settings.onChange({ hold, own });
  }
}

/** In ms; does not jump when the clock is set. */
const now = (): number => performance.now();
