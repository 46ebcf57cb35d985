import { isDeepStrictEqual } from 'node:util';
import { DelayedError, type Job, UnrecoverableError, WaitingChildrenError } from 'bullmq';
import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import { formatBytes } from '../base/format.ts';
import type { VodEventLog } from '../events/vod-event-log.ts';
import { delayJob } from '../queue/delay-job.ts';
import { CANCELLED, failureOf, formatFailure } from '../queue/failure.ts';
import type { Hashed } from '../queue/jobs/hash.ts';
import type { SendValue } from '../queue/jobs/init.ts';
import { NewerJobError } from '../queue/jobs/schema.ts';
import type { StoredResult } from '../queue/jobs/upload-result.ts';
import type { LeaveNewerJob } from '../queue/leave-newer-job.ts';
import type { Queues } from '../queue/queues.ts';
import { type JobChange, writeJob } from '../queue/write-job.ts';
import { admitsFanOut } from '../quota/limits.ts';
import type { RedisClient } from '../redis/client.ts';
import { isRedisError } from '../redis/errors.ts';
import { combineChecksums } from '../upload/checksum.ts';
import type { AbortFlags } from './abort-flags.ts';
import { ActiveUpload, type UploadChange } from './active-upload.ts';
import { ChildJobs } from './child-jobs.ts';
import { Children } from './children.ts';
import { expiredSessions, factsOf } from './facts.ts';
import { countWaitingParts, FAN_OUT, type FanOutBounds } from './fan-out.ts';
import type { FileIndex } from './file-index.ts';
import { nextStep, type Step } from './next-step.ts';
import { partJobs } from './part-jobs.ts';
import { partsLeft } from './parts-left.ts';
import { ChildrenReader } from './read-children.ts';
import type { SenderLocks } from './sender-locks.ts';
import { uploadResult } from './upload-result.ts';
import { wakeAfterTranscoding } from './wake-after-transcoding.ts';

/** How long an upload is delayed while the part queue is full, or after a Redis error. */
const RECHECK_MS = 500;

/** An upload that waits for another upload of the same content is woken when that ends; the delay is for a lost wake-up. */
const SENDER_RECHECK_MS = 15_000;

/** An upload that waits for its transcoding is woken by the event of its end; the delay is for a lost event. */
const EVENT_RECHECK_MS = 300_000;

export interface ReconcilerOptions {
  readonly queues: Queues;
  readonly redis: RedisClient;
  readonly abortFlags: AbortFlags;
  readonly senderLocks: SenderLocks;
  readonly files: FileIndex;
  readonly events: VodEventLog;
  /** Whether the SHA-1 of each file is computed, even if its upload does not ask for it. */
  readonly needsSha1: boolean;
  /** Attempts of each child. */
  readonly childAttempts: number;
  /** @returns milliseconds to wait after this many failures */
  readonly backoff: (failures: number) => number;
  readonly leave: LeaveNewerJob;
  /** Called once per stage change and for other notable events. */
  readonly onChange: (change: UploadChange) => void;
  readonly clock?: () => number;
  /** Default: {@link FAN_OUT}. */
  readonly fanOut?: FanOutBounds;
}

/**
 * Creates the processor of upload jobs. It reads the state of the upload, does the next step, and waits in
 * `waiting-children` until that is done. It is idempotent: it may run again at any time, after a crash for instance.
 */
export function createReconciler(
  options: ReconcilerOptions,
): (job: Job, token: string) => Promise<StoredResult> {
  return async (job, token) => {
    try {
      return await new Reconciliation(options, job, token).run();
    } catch (error) {
      if (error instanceof NewerJobError) return await options.leave(job, token, error);
      if (isRedisError(error)) return await delayJob(job, RECHECK_MS, token);
      if (error instanceof UploaderError) throw new UnrecoverableError(formatFailure(failureOf(error)));
      throw error;
    }
  };
}

type StepOf<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

/** One activation of an upload job. */
class Reconciliation {
  readonly #deps: ReconcilerOptions;
  readonly #upload: ActiveUpload;
  readonly #jobs: ChildJobs;
  readonly #fanOut: FanOutBounds;
  readonly #children: ChildrenReader;
  readonly #token: string;
  #mayHaveChildren: boolean;

  constructor(deps: ReconcilerOptions, job: Job, token: string) {
    this.#deps = deps;
    const { queues, redis, onChange } = deps;
    const write = (change: JobChange) => writeJob(queues.upload, redis, job.id ?? '', change);
    this.#upload = new ActiveUpload(job, { write, onChange });
    this.#jobs = new ChildJobs(deps, this.#upload);
    this.#fanOut = deps.fanOut ?? FAN_OUT;
    this.#children = new ChildrenReader(deps.queues, deps.redis, this.#fanOut);
    this.#token = token;
    this.#mayHaveChildren = job.attemptsStarted > 1;
  }

  /** @returns when the upload is complete. @throws when it has failed, or waits for something */
  async run(): Promise<StoredResult> {
    const { job } = this.#upload;
    for (;;) {
      const result = await this.#doNextStep();
      // Also before completing: BullMQ refuses to complete a job with children left, for instance of an earlier attempt.
      if (await job.moveToWaitingChildren(this.#token)) throw new WaitingChildrenError();
      if (result !== undefined) return result;
      // The children had ended already.
    }
  }

  async #doNextStep(): Promise<StoredResult | undefined> {
    const { id, run, data, waitsForTranscoding } = this.#upload;
    // An upload has no children before its first activation.
    const hasChildren = this.#mayHaveChildren;
    this.#mayHaveChildren = true;
    // In parallel, so that the commands share a round trip to Redis.
    const [children, cancelled, events] = await Promise.all([
      hasChildren ? this.#children.read(id, run) : new Children(id, {}, {}),
      this.#deps.abortFlags.isCancelled(id, run.attempt),
      waitsForTranscoding ? this.#deps.events.read(id) : [],
    ]);
    const step = nextStep(factsOf({ data, run, children, cancelled, events, nowMs: this.#nowMs() }));
    switch (step.kind) {
      case 'hash':
        return await this.#hash();
      case 'init':
        return await this.#init(step, children);
      case 'parts':
        return await this.#sendParts(step, children);
      case 'finish':
        return await this.#finish(step, children);
      case 'replan':
        return await this.#replan(step);
      case 'settle':
        return await this.#settle(step, children);
      case 'transcode':
        return await this.#transcode(step, children);
      case 'await':
        return await this.#awaitTranscoding(step, events.length);
      case 'complete':
        return await this.#complete(step.result, children);
      case 'fail':
        return await this.#fail(step, children);
    }
  }

  async #hash(): Promise<undefined> {
    const { attempt } = this.#upload.run;
    const isHashed = this.#deps.needsSha1 || this.#upload.data.hash === true;
    const what = isHashed ? 'hashing' : 'checking the file';
    const text = attempt > 1 ? `attempt ${attempt}: ${what}` : what;
    const stage = isHashed ? 'hashing' : 'initializing';
    await Promise.all([this.#upload.enterStage(stage, 0, text), this.#jobs.addHash()]);
  }

  async #init({ hashed, compare }: StepOf<'init'>, children: Children): Promise<undefined> {
    const upload = this.#upload;
    if (!isDeepStrictEqual(upload.data.hashed, hashed)) upload.setHashed(hashed);
    const { fileSha, version } = hashed;
    const size = formatBytes(version.size);
    const text = fileSha === undefined ? `file of ${size}` : `SHA-1 ${fileSha} of ${size}`;
    const [isNew, sender] = await Promise.all([
      upload.enterStage('initializing', 0, `${text}; asking VOD what it has`),
      fileSha === undefined ? upload.id : this.#deps.senderLocks.acquire(fileSha, upload.id),
    ]);
    if (sender !== upload.id) {
      if (isNew)
        await upload.note('initializing', `waiting for upload ${sender}, which sends the same content`);
      return await this.#delay(SENDER_RECHECK_MS);
    }
    const resume = children.sessionBefore(upload.run);
    const expired = expiredSessions(upload.run, children);
    await this.#jobs.addInit({
      hashed,
      ...(compare && { compare }),
      ...defined({ resume }),
      ...(expired > 0 && { expiredSessions: expired }),
    });
  }

  /** Adds the next part jobs, or delays the upload while the part queue is full. */
  async #sendParts({ hashed, init }: StepOf<'parts'>, children: Children): Promise<undefined> {
    const done = children.doneParts(this.#upload.run);
    const { fileParts, count, bytesSent, text } = partsLeft(hashed, init, done);
    // Only a large upload adds its parts in portions. Any other may add all again, which has no effect.
    const isLarge = fileParts > this.#fanOut.maxPending;
    const room = await this.#roomForParts(count, isLarge);
    if (room === undefined) return await this.#delay(RECHECK_MS);
    await Promise.all([
      this.#upload.enterStage('uploading', bytesSent, text),
      room > 0 &&
        this.#addParts({
          hashed,
          init,
          done,
          count,
          room,
          isLarge,
          first: expiredSessions(this.#upload.run, children) > 0,
        }),
    ]);
  }

  async #addParts(options: {
    readonly hashed: Hashed;
    readonly init: SendValue;
    readonly done: readonly number[];
    /** Parts to send or to compare. */
    readonly count: number;
    /** Parts to add now. */
    readonly room: number;
    readonly isLarge: boolean;
    /** Before the parts of all other uploads: a session of this one has expired before it was done. */
    readonly first: boolean;
  }): Promise<void> {
    const { hashed, init, done, count, room, isLarge, first } = options;
    const { id, run } = this.#upload;
    const queued = isLarge ? await this.#jobs.unfinishedParts() : [];
    const excluded = new Set([...done, ...queued]);
    const isExcluded = (index: number): boolean => excluded.has(index);
    const parts = partJobs(init, hashed.version.size, { isExcluded, limit: room });
    // Before the parts are added: a process that sends one of them must not see the number of an earlier attempt.
    if (isLarge) await this.#jobs.setUnqueued(Math.max(0, count - queued.length - parts.length));
    const isCancelled = () => this.#deps.abortFlags.isCancelled(id, run.attempt);
    const hasSession = init.session !== undefined;
    await this.#jobs.addParts({ hashed, hasSession, first }, parts, isCancelled);
  }

  /**
   * How many parts to add now: 0 if enough of this upload's parts are unfinished.
   * @returns undefined while the part queue is full and has no part of this upload
   */
  async #roomForParts(left: number, isLarge: boolean): Promise<number | undefined> {
    const { maxPending, refillBelow } = this.#fanOut;
    const unfinished = isLarge ? await this.#jobs.countUnfinished() : 0;
    if (unfinished > 0 && unfinished >= refillBelow) return 0;
    const isAdmitted = admitsFanOut(await countWaitingParts(this.#deps.queues, this.#deps.redis), left);
    if (!isAdmitted) return unfinished > 0 ? 0 : undefined;
    return isLarge ? maxPending - unfinished : left;
  }

  async #finish({ hashed, init }: StepOf<'finish'>, children: Children): Promise<undefined> {
    const { fileSha, version } = hashed;
    const { session, checksum } = init;
    const checksums = [checksum, ...children.checksums(this.#upload.run)];
    await Promise.all([
      this.#upload.enterStage('finishing', version.size, 'VOD has all parts; finishing'),
      this.#jobs.addFinish(defined({ fileSha, session, checksum: combineChecksums(checksums) })),
    ]);
  }

  async #replan({ reason, pause, expired }: StepOf<'replan'>): Promise<StoredResult | undefined> {
    // The parts of this round can't be sent any more.
    if (expired) await this.#jobs.removePending();
    const text = expired
      ? `${reason}; beginning anew`
      : `not finished: ${reason}; asking VOD again what it has`;
    await this.#upload.startNextRound(text, expired ? 'warn' : 'info');
    if (pause) return await this.#delay(this.#deps.backoff(this.#upload.run.round));
    return await this.#doNextStep();
  }

  async #settle(step: StepOf<'settle'>, children: Children): Promise<StoredResult | undefined> {
    const { id, data, run } = this.#upload;
    const durationMs = this.#upload.durationMs(this.#nowMs());
    const result = uploadResult(step, { data, run, children, durationMs });
    // Before the result is stored, so that a crash in between repeats it.
    await this.#deps.files.add(result.fileId, id);
    this.#upload.setResult(result);
    await this.#upload.enterStage('finishing', result.fileSize, 'VOD has the whole file');
    return this.#upload.waitsForTranscoding ? undefined : await this.#complete(result, children);
  }

  async #transcode({ result }: StepOf<'transcode'>, children: Children): Promise<undefined> {
    const asked = children.startedTranscodings(this.#upload.run.attempt).length > 0;
    await this.#enterTranscoding(result);
    // Uploads that wait for this one's bytes need not wait for its transcoding.
    if (!asked) await this.#releaseAll(result, children);
    await this.#jobs.addTranscode(result.fileId, asked);
  }

  async #awaitTranscoding({ result, leftMs }: StepOf<'await'>, eventCount: number): Promise<never> {
    const { queues, redis, events } = this.#deps;
    const { id, job } = this.#upload;
    await this.#enterTranscoding(result);
    await job.moveToDelayed(Date.now() + Math.min(leftMs, EVENT_RECHECK_MS), this.#token);
    // An event that was stored since `eventCount` was read could not wake this upload, because it was active.
    const { length } = await events.read(id);
    if (length > eventCount) await wakeAfterTranscoding(queues.upload, redis, id);
    throw new DelayedError();
  }

  async #enterTranscoding({ fileSize }: StoredResult): Promise<void> {
    await this.#upload.enterStage(
      'transcoding',
      fileSize,
      'VOD has the whole file; waiting for its transcoding',
    );
  }

  async #complete(result: StoredResult, children: Children): Promise<StoredResult> {
    if (this.#upload.waitsForTranscoding) {
      return { ...result, durationMs: this.#upload.durationMs(this.#nowMs()) };
    }
    if (this.#upload.data.transcoding !== undefined) await this.#jobs.addDetachedTranscode(result.fileId);
    await this.#releaseAll(result, children);
    return result;
  }

  /** Releases the sender lock and deletes the child entries. Idempotent. */
  async #releaseAll(result: StoredResult, children: Children): Promise<void> {
    const { fileSha, partsSent, partsSkipped } = result;
    if (fileSha !== undefined) await this.#deps.senderLocks.release(fileSha, this.#upload.id, 'done');
    await this.#jobs.forget(children, partsSent + partsSkipped);
  }

  async #fail({ failure, rehash }: StepOf<'fail'>, children: Children): Promise<never> {
    const { id, run } = this.#upload;
    await this.#deps.abortFlags.stop(id, run.attempt);
    await this.#jobs.removePending();
    if (rehash) await this.#upload.update({ rehash: true });
    // A retry goes on with the session, unless nobody is expected to ask for one.
    const isRetried = failure.retryable && failure.code !== CANCELLED.code;
    const session = isRetried ? undefined : children.sessionBefore({ ...run, round: run.round + 1 });
    if (session !== undefined) await this.#jobs.addAbandon(session);
    const { fileSha } = this.#upload.data.hashed ?? {};
    if (fileSha !== undefined) await this.#deps.senderLocks.release(fileSha, id, 'failed');
    throw new UnrecoverableError(formatFailure(failure));
  }

  /** Ends this activation. The next one starts after `ms`, or when the upload is woken. */
  async #delay(ms: number): Promise<never> {
    await this.#upload.flush();
    return await delayJob(this.#upload.job, ms, this.#token);
  }

  #nowMs(): number {
    return (this.#deps.clock ?? Date.now)();
  }
}
