import type { Stage } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/client.ts';
import { type ProbeIntervals, probeIntervalMs } from './circuit.ts';
import type { Hold } from './hold.ts';
import { type RateWindow, rateWindow, setLimit } from './limits.ts';

export interface QueueHoldSettings {
  readonly queues: Queues;
  readonly redis: RedisClient;
  /** Redis key of the hold: one for each VOD host. */
  readonly key: string;
  /** For each queue that calls the host, its requests per minute while not held; 0 = unlimited. */
  readonly quotaPerMinute: Readonly<Partial<Record<Stage, number>>>;
  /** Length of VOD's minute. */
  readonly minuteMs: number;
  /** While held, each queue starts one job per interval: a probe. A process whose circuit is open probes as often. */
  readonly probeMs: ProbeIntervals;
}

/** The hold of all queues that call one VOD host, for all replicas: a key in Redis, and BullMQ's global rate limits. */
export class QueueHold {
  readonly #settings: QueueHoldSettings;
  /** Stages that call the host. */
  readonly stages: readonly Stage[];

  constructor(settings: QueueHoldSettings) {
    this.#settings = settings;
    this.stages = Object.keys(settings.quotaPerMinute) as Stage[];
  }

  /** @returns whether this process was the first to set it */
  async set(hold: Hold): Promise<boolean> {
    const { redis, key } = this.#settings;
    return (await redis.set(key, JSON.stringify(hold), 'NX')) !== null;
  }

  /** @returns whether this process was the first to remove it */
  async remove(): Promise<boolean> {
    const { redis, key } = this.#settings;
    return (await redis.del(key)) > 0;
  }

  /**
   * Limits the queues to probes while they are held, and to the quotas otherwise.
   * @param minIntervalMs lower bound of the time between two probes
   */
  async applyLimits(hold: Hold | undefined, minIntervalMs = 0): Promise<void> {
    const { queues, quotaPerMinute, minuteMs, probeMs } = this.#settings;
    const limit = (quota = 0): RateWindow =>
      hold === undefined
        ? rateWindow(quota, minuteMs)
        : { max: 1, windowMs: Math.max(probeIntervalMs(hold.kind, probeMs), minIntervalMs) };
    await Promise.all(this.stages.map((stage) => setLimit(queues[stage], limit(quotaPerMinute[stage]))));
  }

  /** Ends the current window of each queue's rate limit, which may be as long as a probe interval. */
  async endWindows(): Promise<void> {
    const { queues } = this.#settings;
    await Promise.all(this.stages.map((stage) => queues[stage].removeRateLimitKey()));
  }
}
