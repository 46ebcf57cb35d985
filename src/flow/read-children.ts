import { parseInitValue } from '../queue/jobs/init.ts';
import { parsePartValue } from '../queue/jobs/part.ts';
import { childId, partIndexReader, type Run } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import { parseJsonOr } from '../queue/stored-job.ts';
import type { RedisClient } from '../redis/client.ts';
import { MAX_PARTS } from '../upload/plan.ts';
import { Children } from './children.ts';
import type { FanOutBounds } from './fan-out.ts';
import { recordDone } from './planned-parts.ts';

/** Entries per command: about 1 ms of Redis. */
const SCAN_COUNT = 2000;

/**
 * Replaces the result of an init job and deletes entries of parts, if the result is still what it was when it was read:
 * else another worker has taken this upload over. KEYS[1]: entries of the upload's completed children. ARGV: key of the
 * init job, its result as read, its new result, keys of the parts.
 */
const RECORD = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
for from = 4, #ARGV, 5000 do
  redis.call('HDEL', KEYS[1], unpack(ARGV, from, math.min(from + 4999, #ARGV)))
end
return 1`;

/** A part that VOD has. `json`: the result of its job. */
interface DonePart {
  readonly index: number;
  readonly json: string;
  readonly outcome: 'sent' | 'same';
  readonly checksum?: string;
}

/** @returns undefined if the result says that VOD does not have the part */
function donePart(index: number, json: string): DonePart | undefined {
  const { outcome, checksum } = parsePartValue(JSON.parse(json));
  if (outcome !== 'sent' && outcome !== 'same') return undefined;
  return { index, json, outcome, ...(checksum !== undefined && { checksum }) };
}

/** Returns all finished children of an upload, and keeps their number small. */
export class ChildrenReader {
  readonly #queues: Queues;
  readonly #redis: RedisClient;
  readonly #bounds: FanOutBounds;

  constructor(queues: Queues, redis: RedisClient, bounds: FanOutBounds) {
    this.#queues = queues;
    this.#redis = redis;
    this.#bounds = bounds;
  }

  /**
   * Reads the finished children. If many parts of this run are among them, they are recorded in the result of its init job,
   * and their entries are deleted, in one transaction: the children say the same before and after it.
   */
  async read(uploadId: string, run: Run): Promise<Children> {
    const upload = this.#queues.upload.toKey(uploadId);
    const [results, failures] = await Promise.all([
      this.#readResults(uploadId, run),
      this.#redis.hgetall(`${upload}:failed`),
    ]);
    const values = [...results].map(([key, value]): [string, unknown] => [key, JSON.parse(value)]);
    return new Children(uploadId, Object.fromEntries(values), failures);
  }

  /** @returns JSON by job key */
  async #readResults(uploadId: string, run: Run): Promise<Map<string, string>> {
    const key = `${this.#queues.upload.toKey(uploadId)}:processed`;
    const initKey = this.#queues.init.toKey(childId(uploadId, run, 'init'));
    const indexOf = partIndexReader(uploadId, run);
    const results = new Map<string, string>();
    const doneParts = new Map<string, DonePart>();
    let isRecordable = true;
    let cursor = '0';
    do {
      const [next, entries] = await this.#redis.hscan(key, cursor, 'COUNT', SCAN_COUNT);
      for (let at = 0; at + 1 < entries.length; at += 2) {
        const [child, value] = [entries[at] as string, entries[at + 1] as string];
        const index = indexOf(child);
        const done = index === undefined || index >= MAX_PARTS ? undefined : donePart(index, value);
        if (done === undefined) results.set(child, value);
        else doneParts.set(child, done);
      }
      if (isRecordable && doneParts.size > this.#bounds.recordAbove) {
        const init = results.get(initKey) ?? (await this.#redis.hget(key, initKey));
        const recorded = await this.#record({ key, initKey, init, doneParts });
        isRecordable = recorded !== undefined;
        if (recorded !== undefined) {
          results.set(initKey, recorded);
          doneParts.clear();
        }
      }
      cursor = next;
    } while (cursor !== '0');
    for (const [child, { json }] of doneParts) results.set(child, json);
    return results;
  }

  /** @returns the new result of the init job, as JSON; undefined if nothing was changed */
  async #record(options: {
    readonly key: string;
    readonly initKey: string;
    readonly init: string | null;
    readonly doneParts: ReadonlyMap<string, DonePart>;
  }): Promise<string | undefined> {
    const { key, initKey, init, doneParts } = options;
    if (init === null) return undefined;
    const stored = parseJsonOr<object>({}, init);
    const value = parseInitValue(stored);
    if (value.kind !== 'send') return undefined;
    const done: { sent: number[]; same: number[]; checksums: string[] } = {
      sent: [],
      same: [],
      checksums: [],
    };
    for (const { index, outcome, checksum } of doneParts.values()) {
      done[outcome].push(index);
      if (checksum !== undefined) done.checksums.push(checksum);
    }
    // Fields of a newer version are kept.
    const recorded = JSON.stringify({ ...stored, ...recordDone(value, done) });
    const isDone = await this.#redis.eval(RECORD, 1, key, initKey, init, recorded, ...doneParts.keys());
    return isDone === 1 ? recorded : undefined;
  }
}
