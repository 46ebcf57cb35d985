import type { Stage } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/client.ts';
import { type ProbeIntervals, probeIntervalMs } from './circuit.ts';
import type { Hold } from './hold.ts';

/** At most `max` jobs of a queue start in each window of `windowMs`, over all replicas. */
interface RateWindow {
  readonly max: number;
  readonly windowMs: number;
}

/** More than any machine can start. Still a limit, because BullMQ's `queue.rateLimit` holds only a queue that has one. */
const UNLIMITED: RateWindow = { max: 1_000_000_000, windowMs: 1000 };

export interface QueueHoldSettings {
  readonly queues: Queues;
  readonly redis: RedisClient;
  /** Redis key of the hold: one for each VOD host. */
  readonly key: string;
  /** The stages that call the host. */
  readonly stages: readonly Stage[];
  /** While held, each queue starts one job per interval: a probe. A process whose circuit is open probes as often. */
  readonly probeMs: ProbeIntervals;
}

/** The hold of all queues that call one VOD host, for all replicas: a key in Redis, and BullMQ's global rate limits. */
export class QueueHold {
  readonly #settings: QueueHoldSettings;

  constructor(settings: QueueHoldSettings) {
    this.#settings = settings;
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
   * Limits the queues to probes while they are held, and not otherwise.
   * @param minIntervalMs lower bound of the time between two probes
   */
  async applyLimits(hold: Hold | undefined, minIntervalMs = 0): Promise<void> {
    const { queues, stages, probeMs } = this.#settings;
    const { max, windowMs } =
      hold === undefined
        ? UNLIMITED
        : { max: 1, windowMs: Math.max(probeIntervalMs(hold.kind, probeMs), minIntervalMs) };
    await Promise.all(stages.map((stage) => queues[stage].setGlobalRateLimit(max, windowMs)));
  }

  /** Ends the current window of each queue's rate limit, which may be as long as a probe interval. */
  async endWindows(): Promise<void> {
    const { queues, stages } = this.#settings;
    await Promise.all(stages.map((stage) => queues[stage].removeRateLimitKey()));
  }
}
