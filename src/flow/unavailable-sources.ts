import { z } from 'zod';
import { formatSpan } from '../base/format.ts';
import { connectedWorkerNames } from '../queue/connected-workers.ts';
import { type JobContext, LeftToOthersError } from '../queue/consumer.ts';
import type { Run, SOURCE_STAGES } from '../queue/names.ts';
import type { Pauses } from '../queue/pauses.ts';
import type { Queues } from '../queue/queues.ts';
import type { WorkerIdentity } from '../queue/worker-identity.ts';
import type { Breaker } from '../quota/breaker.ts';
import type { RedisClient } from '../redis/client.ts';
import { isUnseen, SourceError, UNSEEN_CODES, type UnseenCode } from '../source/errors.ts';
import type { RootWatch } from '../source/root-watch.ts';

/** Workers that have not looked yet, because they have other work, are waited for so many times as long as the grace. */
const GRACES_FOR_OTHERS = 10;

/** A job that was left is offered again after about this time, rarer the longer its source has been missing. */
const LEAVE_MS = { least: 500, share: 0.25, most: 5000 } as const;
/** The same while it is not counted, because the trouble is this worker's own or all workers wait anyhow. */
const LEAVE_UNCOUNTED_MS = 2000;

/** Of two looks this share of the grace counts at most: of what lies between them nobody knows anything. */
const MOST_OF_GRACE = 0.5;

/**
 * Who has not seen the sources of so many jobs, and of none between, takes none for a while if others may see them. It so does
 * not spin, and leaves to them what starts of parts count against: the account's quota.
 */
const UNSEEN_IN_A_ROW = 8;
const PAUSE_MS = { hash: 100, part: 500 } as const;

/** Who else is there is asked this often at most. */
const LOOK_AROUND_MS = 5000;

/** Notes go by themselves so long after the last one. */
const KEEP_MS = 86_400_000;

/** So many workers are named at most. */
const MOST_NAMED = 8;

/**
 * KEYS[1]: who does not see the source of an upload, KEYS[2]: the upload's children that are done. ARGV: who, note, ms that
 * count at most since the last note, ms to keep it. Returns the ms that count, and all notes. A part that is done since
 * the last note was seen by somebody, so it begins anew. Time is what is left of the key's life: by Redis's clock.
 */
const NOTE = `
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
  /** Directories that it may read in, joined by colons. */
  roots: z.string().max(1024),
  code: z.enum(UNSEEN_CODES),
});

/** A worker that does not see a source. */
export type Refusal = Readonly<z.infer<typeof refusalSchema>>;

/**
 * Whether an upload fails whose source somebody does not see.
 * @param known.waitedMs since the first who did not see it
 * @param known.unasked workers of the stage that have not looked; undefined when it is not known who there is
 */
export function isHopeless(
  { waitedMs, unasked = 0 }: { readonly waitedMs: number; readonly unasked?: number | undefined },
  graceMs: number,
): boolean {
  if (waitedMs < graceMs) return false;
  return unasked === 0 || waitedMs >= GRACES_FOR_OTHERS * graceMs;
}

/** @param random from 0 to 1 */
export function leaveMs(waitedMs: number, random: number): number {
  const { least, share, most } = LEAVE_MS;
  return Math.min(most, Math.max(least, share * waitedMs)) * (0.5 + random);
}

const WORDS: Readonly<Record<UnseenCode, string>> = {
  SOURCE_EMPTY: 'it is empty',
  SOURCE_PERMISSION: 'its user may not read it',
  SOURCE_NOT_FOUND: 'it does not exist',
  SOURCE_OUTSIDE_ROOTS: 'it is outside of them',
};

/** For whoever has to find out why: who has looked, where each may read, and what it found. */
export function unseenError(source: string, refusals: readonly Refusal[], waitedMs: number): SourceError {
  const code = UNSEEN_CODES.find((one) => refusals.some((refusal) => refusal.code === one));
  const named = refusals
    .slice(0, MOST_NAMED)
    .map(({ host, pid, roots, code }) => `${host}, pid ${pid} (SOURCE_ROOTS=${roots}): ${WORDS[code]}`);
  if (refusals.length > MOST_NAMED) named.push(`and ${refusals.length - MOST_NAMED} more`);
  const lasted = waitedMs < 1000 ? '' : `, for ${formatSpan(waitedMs)}`;
  return new SourceError(
    code ?? 'SOURCE_NOT_FOUND',
    `${source} can't be read by any worker that has looked${lasted}: ${named.join('; ')}; ` +
      'check the path, and the mount and SOURCE_ROOTS of these workers, and retry the upload',
  );
}

/** What a job of a stage that reads files says of its source. */
interface SourceJob {
  readonly uploadId: string;
  readonly run: Run;
  readonly source: string;
}

export interface UnavailableSourcesOptions {
  readonly stage: (typeof SOURCE_STAGES)[number];
  readonly queues: Queues;
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly graceMs: number;
  readonly worker: WorkerIdentity;
  readonly roots: RootWatch;
  /** Of the host of VOD that the stage calls. */
  readonly breaker?: Breaker;
}

/**
 * Sources that this process does not see, at one stage: others may see them, and this one may a moment later. Their jobs are
 * left to whoever comes, with no attempt spent, until all workers have looked for as long as the grace lasts.
 */
export class UnavailableSources {
  readonly #options: UnavailableSourcesOptions;
  readonly #inARow = new Set<string>();
  #pauses: Pauses | undefined;
  #resuming: NodeJS.Timeout | undefined;
  #lookedAround: { at: number; names: Awaited<ReturnType<typeof connectedWorkerNames>> } | undefined;

  constructor(options: UnavailableSourcesOptions) {
    this.#options = options;
  }

  /** Has a worker leave jobs to others for a while when it sees the source of none. */
  follow(pauses: Pauses): void {
    this.#pauses = pauses;
  }

  /** A processor that leaves what it can't see. */
  around<Data extends object, Value>(
    process: (data: Data, attempt: JobContext) => Promise<Value>,
  ): (data: Data, attempt: JobContext) => Promise<Value> {
    return async (data, attempt) => {
      try {
        const value = await process(data, attempt);
        this.#saw();
        return value;
      } catch (error) {
        if (!(error instanceof SourceError && isUnseen(error.code)) || attempt.signal.aborted) {
          this.#saw();
          throw error;
        }
        throw await this.#judge(attempt.jobId, data as unknown as SourceJob, error, error.code);
      }
    };
  }

  /** What becomes of the job. */
  async #judge(
    jobId: string,
    { uploadId, run, source }: SourceJob,
    error: SourceError,
    code: UnseenCode,
  ): Promise<LeftToOthersError | SourceError> {
    const { roots, breaker, graceMs, worker } = this.#options;
    const { host, pid } = worker;
    const cause = new SourceError(error.code, `${host}, pid ${pid}: ${error.message}`, error);
    await roots.checkNow();
    // Whose own directory is gone can't say anything of a file; and while nothing gets to VOD nobody is late.
    if (roots.gone.length > 0 || breaker?.isHeld) {
      await this.#sawNothing(jobId, new Map());
      return new LeftToOthersError(LEAVE_UNCOUNTED_MS, cause);
    }
    const refusal: Refusal = { host, pid, roots: roots.roots.join(':').slice(0, 1024), code };
    const { waitedMs, refusals } = await this.#note(uploadId, run.attempt, refusal);
    const known = { waitedMs, unasked: waitedMs < graceMs ? 0 : await this.#unasked(refusals) };
    if (isHopeless(known, graceMs)) return unseenError(source, [...refusals.values()], waitedMs);
    await this.#sawNothing(jobId, refusals);
    return new LeftToOthersError(leaveMs(waitedMs, Math.random()), cause);
  }

  /** Writes down that this worker does not see it. @returns with all who don't, by their names */
  async #note(
    uploadId: string,
    attempt: number,
    refusal: Refusal,
  ): Promise<{ waitedMs: number; refusals: ReadonlyMap<string, Refusal> }> {
    const { redis, prefix, stage, queues, worker, graceMs } = this.#options;
    const [waitedMs, fields] = (await redis.eval(
      NOTE,
      2,
      `${prefix}:vod-unseen:${uploadId}:${attempt}:${stage}`,
      `${queues.upload.toKey(uploadId)}:processed`,
      worker.name,
      JSON.stringify(refusal),
      MOST_OF_GRACE * graceMs,
      KEEP_MS,
    )) as [number, string[]];
    const refusals = new Map<string, Refusal>();
    for (let index = 0; index < fields.length; index += 2) {
      const [, name] = /^by (.*)$/.exec(fields[index] ?? '') ?? [];
      const noted = name === undefined ? undefined : parseRefusal(fields[index + 1]);
      if (name !== undefined && noted !== undefined) refusals.set(name, noted);
    }
    return { waitedMs, refusals };
  }

  /** How many workers of this stage have not looked; undefined when Redis does not tell who there is. */
  async #unasked(refusals: ReadonlyMap<string, Refusal>): Promise<number | undefined> {
    const names = await connectedWorkerNames(this.#options.queues[this.#options.stage]);
    return names?.filter((name) => name === undefined || !refusals.has(name)).length;
  }

  #saw(): void {
    this.#inARow.clear();
    clearTimeout(this.#resuming);
    this.#pauses?.end(this);
  }

  async #sawNothing(jobId: string, refusals: ReadonlyMap<string, Refusal>): Promise<void> {
    if (this.#inARow.size < UNSEEN_IN_A_ROW) this.#inARow.add(jobId);
    if (this.#inARow.size < UNSEEN_IN_A_ROW) return;
    // What nobody sees is not this worker's trouble, and a pause would only keep other files waiting.
    if (!(await this.#mayOthersSee(refusals))) return this.#saw();
    this.#pauses?.begin(this);
    clearTimeout(this.#resuming);
    this.#resuming = setTimeout(() => this.#pauses?.end(this), PAUSE_MS[this.#options.stage]).unref();
  }

  /** Whether there are workers of which it is not known that they don't. */
  async #mayOthersSee(refusals: ReadonlyMap<string, Refusal>): Promise<boolean> {
    const { queues, stage, worker } = this.#options;
    const now = performance.now();
    if (this.#lookedAround === undefined || now - this.#lookedAround.at > LOOK_AROUND_MS) {
      this.#lookedAround = { at: now, names: await connectedWorkerNames(queues[stage]) };
    }
    const { names } = this.#lookedAround;
    return names?.some((name) => name !== worker.name && !refusals.has(name ?? '')) ?? true;
  }
}

function parseRefusal(text: string | undefined): Refusal | undefined {
  try {
    return refusalSchema.safeParse(JSON.parse(text ?? 'null')).data;
  } catch {
    return undefined;
  }
}
