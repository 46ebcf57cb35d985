import type { RedisClient } from '../redis/client.ts';

/**
 * KEYS[1]: hash of one action. Fields: the start of a bucket in ms of Redis's clock -> permits given in it; `issued` ->
 * permits ever given; `blocked` -> until when none is given. The hash never expires, because `issued` must not.
 * ARGV: length of a bucket and how long a permit counts after its bucket, in ms; quota.
 *
 * Deletes expired buckets and sets `now`, `current` (bucket), `used`, `oldest` (bucket), `issued` and `blocked`.
 */
const READ = `
local bucketMs, keepMs, quota = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local current = now - now % bucketMs
local used, oldest, blocked, issued = 0, nil, 0, nil
local function id(ms) return string.format('%.0f', ms) end
local function count(bucket, permits)
  used = used + permits
  if oldest == nil or bucket < oldest then oldest = bucket end
end
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local value = tonumber(fields[i + 1])
  if fields[i] == 'issued' then issued = value
  elseif fields[i] == 'blocked' then blocked = value
  else
    local bucket = tonumber(fields[i])
    if value <= 0 or bucket + bucketMs + keepMs <= now then
      redis.call('HDEL', KEYS[1], fields[i])
    elseif bucket > current then
      -- The clock was set back: these permits count as given now.
      redis.call('HDEL', KEYS[1], fields[i])
      redis.call('HINCRBY', KEYS[1], id(current), value)
      count(current, value)
    else
      count(bucket, value)
    end
  end
end
-- Two servers may disagree about the time after a fail-over.
if blocked > now + keepMs + bucketMs then blocked = now + keepMs + bucketMs end
local function waitMs()
  local ms = blocked - now
  if used >= quota then ms = math.max(ms, (oldest or current) + bucketMs + keepMs - now) end
  return math.max(0, math.ceil(ms))
end
`;

/**
 * ARGV[4]: permits needed, [5] permits wanted, [6] the highest `issued` that the caller has seen. Gives as many as are
 * needed and free. Of those that are only wanted, it gives at most a share of the free ones, so that a caller that does
 * not use them leaves most to the others. Returns: permits given, their bucket, `issued`, ms until the next permit is
 * free, or 0 when one is free now.
 */
const TAKE = `${READ}
local need, wanted, seen = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local lost = 0
if issued == nil then
  -- All of Redis's data is lost, and with it the permits of other callers: the whole quota may be used up.
  if seen > 0 then lost = quota end
elseif seen > issued then
  lost = math.min(quota, seen - issued)
end
if lost > 0 then
  redis.call('HINCRBY', KEYS[1], id(current), lost)
  count(current, lost)
end
issued = math.max(issued or 0, seen)
local given = 0
if blocked <= now then
  local free = quota - used
  given = math.max(0, math.min(free, math.max(need, math.min(wanted, math.floor(free / 16)))))
end
if given > 0 then
  redis.call('HINCRBY', KEYS[1], id(current), given)
  count(current, given)
  issued = issued + given
end
redis.call('HSET', KEYS[1], 'issued', id(issued))
return { given, id(current), id(issued), waitMs() }`;

/** Returns ms until a permit is free, or 0 when one is free now, and permits used. */
const LOOK = `${READ}
return { waitMs(), used }`;

/** ARGV[4]: bucket, [5]: permits of it that were not used. */
const GIVE_BACK = `
if tonumber(redis.call('HGET', KEYS[1], ARGV[4]) or 0) >= tonumber(ARGV[5]) then
  redis.call('HINCRBY', KEYS[1], ARGV[4], -ARGV[5])
end`;

/** ARGV[4]: for how many ms no permit is given. A longer block stays. */
const BLOCK = `${READ}
redis.call('HSET', KEYS[1], 'blocked', id(math.max(blocked, now + ARGV[4])))`;

/** The length of the service's minute in buckets: memory and cost do not grow with the quota. */
const BUCKETS_PER_MINUTE = 240;

/** Permits given at one time. */
export interface PermitBatch {
  readonly count: number;
  /** Where {@link QuotaLog.giveBack} returns them. */
  readonly bucket: string;
}

export interface QuotaLogReply extends PermitBatch {
  /** Milliseconds until the next permit is free; 0 = one is free now. */
  readonly waitMs: number;
}

/** The state of a quota. */
export interface QuotaState {
  /** Permits that count now. */
  readonly used: number;
  /** Milliseconds until a permit is free; 0 = one is free now. */
  readonly waitMs: number;
}

export interface QuotaLogOptions {
  readonly redis: RedisClient;
  /** Redis key, the same on all replicas. */
  readonly key: string;
  /** Requests in each sliding minute; at least 1. */
  readonly quota: number;
  /** Length of the service's minute. */
  readonly minuteMs: number;
  /** How much longer than a minute a permit counts: the time that its request may take to arrive at the service. */
  readonly guardMs: number;
}

/**
 * A log in Redis of the permits for one action, which all replicas share. No sliding minute contains more permits than
 * the quota, and any permit that is free can be used at once. Times are those of Redis's clock. A permit counts from
 * when it is given; a process that dies with it wastes it.
 *
 * When Redis loses data, each process that has seen a later state makes the missing permits count as given now.
 */
export class QuotaLog {
  readonly #redis: RedisClient;
  readonly #key: string;
  readonly #settings: readonly [bucketMs: number, keepMs: number, quota: number];
  #seen = 0;

  constructor({ redis, key, quota, minuteMs, guardMs }: QuotaLogOptions) {
    this.#redis = redis;
    this.#key = key;
    this.#settings = [Math.ceil(minuteMs / BUCKETS_PER_MINUTE), minuteMs + guardMs, quota];
  }

  /** Takes up to `need` permits, and more up to `wanted` while much of the quota is free. */
  async take(need: number, wanted: number): Promise<QuotaLogReply> {
    const args = [...this.#settings, need, wanted, this.#seen];
    const reply = (await this.#redis.eval(TAKE, 1, this.#key, ...args)) as [number, string, string, number];
    const [count, bucket, issued, waitMs] = reply;
    this.#seen = Math.max(this.#seen, Number(issued));
    return { count, bucket, waitMs };
  }

  /** Returns permits whose requests will not be made. */
  async giveBack({ bucket, count }: PermitBatch): Promise<void> {
    await this.#redis.eval(GIVE_BACK, 1, this.#key, ...this.#settings, bucket, count);
  }

  /** Gives no permit for this time: the service has refused a request although permits were free. */
  async block(ms: number): Promise<void> {
    await this.#redis.eval(BLOCK, 1, this.#key, ...this.#settings, ms);
  }

  async look(): Promise<QuotaState> {
    const [waitMs, used] = (await this.#redis.eval(LOOK, 1, this.#key, ...this.#settings)) as [
      number,
      number,
    ];
    return { waitMs, used };
  }
}
