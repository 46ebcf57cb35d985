import type { Queues } from '../queue/queues.ts';
import { wakeWaitingParent } from '../queue/wake-upload.ts';
import { admitsFanOut } from '../quota/limits.ts';
import type { RedisClient } from '../redis/client.ts';

/**
 * How many part jobs of one upload exist at a time. An upload adds its parts in portions, so that its memory in Redis, and
 * the cost of a reconciler run, do not grow with the file.
 */
export interface FanOutBounds {
  /** An upload adds parts up to this number of unfinished children. */
  readonly maxPending: number;
  /** It adds the next ones when it has fewer unfinished children than this. */
  readonly refillBelow: number;
  /** Above this number of finished parts it records them in one value, and deletes their entries. */
  readonly recordAbove: number;
}

/** A process checks once a second whether to refill; no process sends as many parts as `refillBelow` in that time. */
export const FAN_OUT: FanOutBounds = { maxPending: 4000, refillBelow: 2000, recordAbove: 1000 };

/** Field of an upload's job in Redis: the number of planned parts that have no job yet. Absent if there never were any. */
export const UNQUEUED_FIELD = 'unqueued';

/** Makes an upload add its next parts before it has run out of them. */
export class PartRefill {
  readonly #queues: Queues;
  readonly #redis: RedisClient;
  readonly #bounds: FanOutBounds;

  constructor(queues: Queues, redis: RedisClient, bounds: FanOutBounds = FAN_OUT) {
    this.#queues = queues;
    this.#redis = redis;
    this.#bounds = bounds;
  }

  /**
   * Wakes the upload if it should add parts, and the part queue has room for them. An upload that is not woken wakes by
   * itself when it has no unfinished children left.
   *
   * @param pending unfinished children. @param unqueued value of {@link UNQUEUED_FIELD}
   */
  async wakeIfLow(uploadId: string, pending: number, unqueued: number): Promise<void> {
    if (unqueued === 0 || pending >= this.#bounds.refillBelow) return;
    if (!admitsFanOut(await countWaitingParts(this.#queues, this.#redis), unqueued)) return;
    await wakeWaitingParent(this.#queues.upload, this.#redis, uploadId);
  }
}

/** Parts of all uploads that are not active. Without those in `wait`, where only stalled jobs are: parts have a priority. */
export async function countWaitingParts({ part }: Queues, redis: RedisClient): Promise<number> {
  const counts = await Promise.all(['prioritized', 'delayed'].map((state) => redis.zcard(part.toKey(state))));
  return counts.reduce((sum, count) => sum + count, 0);
}
