import { connectedWorkerNames } from '../queue/connected-workers.ts';
import type { JobContext } from '../queue/consumer.ts';
import type { ReadingStage, Run } from '../queue/names.ts';
import type { PauseControl } from '../queue/pause-control.ts';
import { LeftToOthersError } from '../queue/postpone-errors.ts';
import type { Queues } from '../queue/queues.ts';
import type { WorkerIdentity } from '../queue/worker-identity.ts';
import type { Breaker } from '../quota/breaker.ts';
import type { RedisClient } from '../redis/client.ts';
import { isUnseen, SourceError, type UnseenCode } from '../source/errors.ts';
import type { RootWatch } from '../source/root-watch.ts';
import { ReaderPause } from './reader-pause.ts';
import { type Refusal, SourceRefusals } from './source-refusals.ts';
import { unavailableError } from './unavailable-error.ts';

/** How many grace periods an upload waits for workers that have not looked yet, because they are busy. */
const GRACES_FOR_OTHERS = 10;

/** Delay of a job that is left to other workers: a share of the time waited so far, within limits. */
const RETRY_MS = { min: 500, share: 0.25, max: 5000 } as const;
/** The delay if no refusal is recorded, because this worker has a problem of its own or all workers wait anyway. */
const RETRY_UNRECORDED_MS = 2000;

/**
 * Whether an upload fails because its source is unavailable.
 * @param known.waitedMs since the first refusal
 * @param known.pending how many workers of the stage have not looked; undefined if the workers are not known
 */
export function isGraceOver(
  { waitedMs, pending = 0 }: { readonly waitedMs: number; readonly pending?: number | undefined },
  graceMs: number,
): boolean {
  if (waitedMs < graceMs) return false;
  return pending === 0 || waitedMs >= GRACES_FOR_OTHERS * graceMs;
}

/** @param random from 0 to 1 */
export function retryDelayMs(waitedMs: number, random: number): number {
  const { min, share, max } = RETRY_MS;
  return Math.min(max, Math.max(min, share * waitedMs)) * (0.5 + random);
}

/** The fields that jobs of the stages that read files have in common, and the file. */
interface SourceJob {
  readonly uploadId: string;
  readonly run: Run;
  readonly source?: string;
  /** Of a job of the stage `init`. */
  readonly cover?: string;
}

interface UnavailableSourcesOptions {
  readonly stage: ReadingStage;
  readonly queues: Queues;
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly graceMs: number;
  readonly worker: WorkerIdentity;
  readonly roots: RootWatch;
  /** The breaker of the VOD host that the stage calls. */
  readonly breaker?: Breaker;
}

/**
 * Decides what happens to jobs of a stage whose source this process can't see. Other workers may see it, or this one
 * later, so the job is left to whichever worker takes it next, and no attempt is spent. The upload fails when all
 * workers have looked and the grace period is over.
 */
export class UnavailableSources {
  readonly #options: UnavailableSourcesOptions;
  readonly #refusals: SourceRefusals;
  readonly #pause: ReaderPause;

  constructor(options: UnavailableSourcesOptions) {
    const { queues, stage, worker } = options;
    this.#options = options;
    this.#refusals = new SourceRefusals(options);
    this.#pause = new ReaderPause(queues, stage, worker.name);
  }

  /** Pauses this worker for a short time whenever it sees no sources. */
  pauseWhileUnseen(control: PauseControl): void {
    this.#pause.attach(control);
  }

  /** Wraps a processor, which then leaves a job to other workers if its source is unavailable. */
  wrap<Data extends object, Value>(
    process: (data: Data, context: JobContext) => Promise<Value>,
  ): (data: Data, context: JobContext) => Promise<Value> {
    return async (data, context) => {
      try {
        const value = await process(data, context);
        this.#pause.seen();
        return value;
      } catch (error) {
        if (!(error instanceof SourceError && isUnseen(error.code)) || context.signal.aborted) {
          this.#pause.seen();
          throw error;
        }
        throw await this.#errorFor(context.jobId, data as unknown as SourceJob, error, error.code);
      }
    };
  }

  async #errorFor(
    jobId: string,
    { uploadId, run, source, cover }: SourceJob,
    error: SourceError,
    code: UnseenCode,
  ): Promise<LeftToOthersError | SourceError> {
    const { roots, breaker, graceMs, worker } = this.#options;
    const { host, pid, name } = worker;
    const cause = new SourceError(error.code, `${host}, pid ${pid}: ${error.message}`, error);
    const areKnown = await roots.checkNow();
    // A worker whose own root is gone, or may be, knows nothing of the file. While VOD is down, nothing is late.
    if (!areKnown || roots.gone.length > 0 || breaker?.isHeld) {
      await this.#pause.unseen(jobId, new Map());
      return new LeftToOthersError(RETRY_UNRECORDED_MS, cause);
    }
    const refusal: Refusal = { host, pid, roots: roots.roots.join(':').slice(0, 1024), code };
    const { waitedMs, refusals } = await this.#refusals.record(uploadId, run.attempt, name, refusal);
    const pending = waitedMs < graceMs ? 0 : await this.#countPending(refusals);
    if (isGraceOver({ waitedMs, pending }, graceMs)) {
      return unavailableError(source ?? `the cover ${cover}`, [...refusals.values()], waitedMs);
    }
    await this.#pause.unseen(jobId, refusals);
    return new LeftToOthersError(retryDelayMs(waitedMs, Math.random()), cause);
  }

  /** How many workers of this stage have not looked; undefined if Redis does not list them. */
  async #countPending(refusals: ReadonlyMap<string, Refusal>): Promise<number | undefined> {
    const names = await connectedWorkerNames(this.#options.queues[this.#options.stage]);
    return names?.filter((name) => name === undefined || !refusals.has(name)).length;
  }
}
