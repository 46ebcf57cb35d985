import { z } from 'zod';
import type { ReadingStage } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/client.ts';
import { UNSEEN_CODES } from '../source/errors.ts';

/** How long a record is kept after its last change. */
const KEEP_MS = 86_400_000;

/** At most this share of the grace period counts between two refusals, because nobody looked for the file in between. */
const MAX_GRACE_SHARE = 0.5;

/**
 * KEYS[1]: refusals of the source of an upload, KEYS[2]: the upload's completed children. ARGV: worker, refusal, ms that
 * count at most since the last refusal, ms to keep the record. Returns the ms waited, and all fields. If a part has
 * completed since the last refusal, some worker has seen the file, so the record starts anew. Time is derived from the
 * key's TTL, that is, from the clock of Redis.
 */
const RECORD = `
local done = tostring(redis.call('HLEN', KEYS[2]))
local known = redis.call('HMGET', KEYS[1], 'done', 'waited')
local waited = 0
if known[1] == done then
  local passed = tonumber(ARGV[4]) - redis.call('PTTL', KEYS[1])
  waited = tonumber(known[2]) + math.max(0, math.min(passed, tonumber(ARGV[3])))
else
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'done', done, 'waited', waited, 'by ' .. ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {waited, redis.call('HGETALL', KEYS[1])}`;

const refusalSchema = z.object({
  host: z.string().max(256),
  pid: z.int(),
  /** The directories that the worker may read, joined by colons. */
  roots: z.string().max(1024),
  code: z.enum(UNSEEN_CODES),
});

/** Why a worker can't see a source. */
export type Refusal = Readonly<z.infer<typeof refusalSchema>>;

export interface RecordedRefusals {
  /** Since the first refusal. */
  readonly waitedMs: number;
  /** By name of the worker. */
  readonly refusals: ReadonlyMap<string, Refusal>;
}

interface SourceRefusalsDeps {
  readonly redis: RedisClient;
  readonly queues: Queues;
  readonly prefix: string;
  readonly stage: ReadingStage;
  readonly graceMs: number;
}

/** Records in Redis which workers of a stage can't see the source of an upload. */
export class SourceRefusals {
  readonly #deps: SourceRefusalsDeps;

  constructor(deps: SourceRefusalsDeps) {
    this.#deps = deps;
  }

  /** Records a refusal of a worker. @returns the refusals of all workers for this attempt of the upload */
  async record(
    uploadId: string,
    attempt: number,
    workerName: string,
    refusal: Refusal,
  ): Promise<RecordedRefusals> {
    const { redis, prefix, stage, queues, graceMs } = this.#deps;
    const [waitedMs, fields] = (await redis.eval(
      RECORD,
      2,
      `${prefix}:vod-unseen:${uploadId}:${attempt}:${stage}`,
      `${queues.upload.toKey(uploadId)}:processed`,
      workerName,
      JSON.stringify(refusal),
      MAX_GRACE_SHARE * graceMs,
      KEEP_MS,
    )) as [number, string[]];
    const refusals = new Map<string, Refusal>();
    for (let index = 0; index < fields.length; index += 2) {
      const [, name] = /^by (.*)$/.exec(fields[index] ?? '') ?? [];
      const stored = name === undefined ? undefined : parseRefusal(fields[index + 1]);
      if (name !== undefined && stored !== undefined) refusals.set(name, stored);
    }
    return { waitedMs, refusals };
  }
}

function parseRefusal(text: string | undefined): Refusal | undefined {
  try {
    return refusalSchema.safeParse(JSON.parse(text ?? 'null')).data;
  } catch {
    return undefined;
  }
}
