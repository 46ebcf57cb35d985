import type { Logger } from '../log.ts';
import { type VodError, VodTransportError } from '../vod/errors.ts';
import type { RedisClient } from './connection.ts';
import { type Hold, type HoldKind, parseHold } from './hold.ts';
import { type RateWindow, rateWindow, setLimit } from './limits.ts';
import type { Stage } from './names.ts';
import type { Queues } from './queues.ts';

export interface BreakerSettings {
  readonly queues: Queues;
  readonly redis: RedisClient;
  /** Of the hold in Redis: one for each host of VOD. */
  readonly key: string;
  /** Of each queue that calls this host, the requests per minute that it gets back when all is well; 0 = no limit. */
  readonly quotaPerMinute: Readonly<Partial<Record<Stage, number>>>;
  /** How long the service's minute is. */
  readonly minuteMs: number;
  /** While held, each queue starts one job in this time, to see whether all is well again. */
  readonly probeMs: Readonly<Record<HoldKind, number>>;
  readonly log: Logger;
  readonly onChange: (hold: Hold | undefined) => void;
  readonly clock?: () => number;
}

/** Failures in a row, of this process, that make an outage. */
const OUTAGE_FAILURES = 5;

/** How often a process that had no failure of its own looks whether the queues are held. */
const POLL_MS = 2000;

/**
 * A circuit breaker over all replicas. Open, it lets each queue start one job per probe interval, by BullMQ's own
 * queue-wide limit; the first answer of VOD closes it. What fails while it is open, or when nothing else succeeds
 * either, is an interruption of the job and not its failure.
 */
export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #clock: () => number;
  readonly #poll: NodeJS.Timeout;
  #hold: Hold | undefined;
  #failuresInARow = 0;
  #answeredAt = 0;
  /** When jobs of this process were last interrupted, by job id. */
  readonly #interruptedAt = new Map<string, number>();

  private constructor(settings: BreakerSettings) {
    this.#settings = settings;
    this.#clock = settings.clock ?? Date.now;
    this.#poll = setInterval(() => this.#look().catch(() => {}), POLL_MS);
    this.#poll.unref();
  }

  /** Sets the limits of the queues: the quotas, or the probes' when the queues are held already. */
  static async start(settings: BreakerSettings): Promise<Breaker> {
    const breaker = new Breaker(settings);
    await breaker.#look();
    await breaker.#limit();
    return breaker;
  }

  /**
   * VOD answered, be it with a refusal that is only about the request. Never rejects: when Redis can't be told, the next
   * answer tells it.
   */
  async answered(): Promise<void> {
    this.#failuresInARow = 0;
    this.#answeredAt = this.#clock();
    if (this.#hold !== undefined) await this.#close().catch(() => {});
  }

  /**
   * Takes notice of a failed call.
   * @returns whether the job was only interrupted, and so keeps its attempt
   * @throws what Redis throws
   */
  async interrupted(jobId: string, error: VodError): Promise<boolean> {
    const kind = holdKindOf(error);
    if (kind === undefined) return false;
    // The line takes no more at a time, but moves: that is no outage.
    const { strained } = error;
    if (!strained) this.#failuresInARow++;
    if (
      this.#hold === undefined &&
      !strained &&
      (kind === 'account' || this.#failuresInARow >= OUTAGE_FAILURES)
    ) {
      await this.#open({ kind, since: this.#clock(), code: error.code, message: error.message });
    }
    if (this.#hold !== undefined) return true;
    // Not yet known to be an outage. A job that fails again after others were answered has a trouble of its own.
    const before = this.#interruptedAt.get(jobId);
    if (this.#interruptedAt.size > 10_000) this.#interruptedAt.clear();
    this.#interruptedAt.set(jobId, this.#clock());
    return before === undefined || (!strained && this.#answeredAt < before);
  }

  stop(): void {
    clearInterval(this.#poll);
  }

  async #open(hold: Hold): Promise<void> {
    const { redis, key, log } = this.#settings;
    const first = (await redis.set(key, JSON.stringify(hold), 'NX')) !== null;
    if (first) {
      log.error(
        { hold: hold.kind, code: hold.code, reason: hold.message },
        hold.kind === 'account'
          ? 'account refused; queues are held and probed'
          : 'vod is out; queues are held and probed',
      );
    }
    this.#see(hold);
    await this.#limit();
  }

  async #close(): Promise<void> {
    const { redis, key, log, queues } = this.#settings;
    const hold = this.#hold;
    this.#see(undefined);
    if ((await redis.del(key)) === 0) return;
    await this.#limit();
    // Without waiting for the probes' window to end.
    await Promise.all(this.#stages().map(([stage]) => queues[stage].removeRateLimitKey()));
    log.warn({ hold: hold?.kind, heldMs: this.#clock() - (hold?.since ?? 0) }, 'vod answers; queues go on');
  }

  async #limit(): Promise<void> {
    const { queues, minuteMs, probeMs } = this.#settings;
    const hold = this.#hold;
    const limit = (quota: number): RateWindow =>
      hold === undefined ? rateWindow(quota, minuteMs) : { max: 1, windowMs: probeMs[hold.kind] };
    await Promise.all(this.#stages().map(([stage, quota]) => setLimit(queues[stage], limit(quota))));
  }

  #stages(): [Stage, number][] {
    return Object.entries(this.#settings.quotaPerMinute) as [Stage, number][];
  }

  async #look(): Promise<void> {
    const { redis, key } = this.#settings;
    this.#see(parseHold(await redis.get(key)));
  }

  #see(hold: Hold | undefined): void {
    if (this.#hold?.since === hold?.since) return;
    this.#hold = hold;
    this.#settings.onChange(hold);
  }
}

/** What kind of hold a failure speaks for; undefined when it is about the one request only. */
function holdKindOf(error: VodError): HoldKind | undefined {
  if (error.kind === 'account') return 'account';
  // A reply that makes no sense is no outage: it may be this request's own, and must not be asked for without end.
  const outage =
    error instanceof VodTransportError && /^(TIMEOUT|NETWORK|TLS|PROXY|HTTP_5\d\d)$/.test(error.code);
  return outage ? 'outage' : undefined;
}
