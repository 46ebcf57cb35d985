import { isDeepStrictEqual } from 'node:util';
import { DelayedError, type Job, type JobsOptions, UnrecoverableError, WaitingChildrenError } from 'bullmq';
import { UploaderError } from '../base/errors.ts';
import { formatBytes } from '../base/format.ts';
import type { ReceivedEvent, VodEventLog } from '../events/vod-event-log.ts';
import { delayJob } from '../queue/delay-job.ts';
import { failureOf, formatFailure, parseFailure } from '../queue/failure.ts';
import { type FinishData, parseFinishValue } from '../queue/jobs/finish.ts';
import { type HashData, type Hashed, parseHashed } from '../queue/jobs/hash.ts';
import { type InitData, type InitValue, parseInitValue } from '../queue/jobs/init.ts';
import { KEPT_JOBS } from '../queue/jobs/options.ts';
import { PART_SAME, PART_SKIPPED, type PartData } from '../queue/jobs/part.ts';
import { hashPriority, partPriority } from '../queue/jobs/priority.ts';
import { parseProgress, type StoredProgress } from '../queue/jobs/progress.ts';
import { NewerJobError, SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import { parseTranscodeValue, type TranscodeData, type TranscodeValue } from '../queue/jobs/transcode.ts';
import { parseUploadData, type UploadData } from '../queue/jobs/upload.ts';
import type { StoredResult } from '../queue/jobs/upload-result.ts';
import type { LeaveNewerJob } from '../queue/leave-newer-job.ts';
import { type ChildStep, childId, QUEUES, type Run, runName, STAGES } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import { admitsFanOut } from '../quota/limits.ts';
import type { RedisClient } from '../redis/client.ts';
import { isRedisError } from '../redis/errors.ts';
import { bytesOf, countIndices, partAt, partCount } from '../upload/plan.ts';
import type { AbortFlags } from './abort-flags.ts';
import type { FileIndex } from './file-index.ts';
import { type Facts, nextStep, type Step } from './next-step.ts';
import { countPlanned, plannedParts } from './planned-parts.ts';
import type { SenderLocks } from './sender-locks.ts';
import { transcodeEnd, wakeAfterTranscoding } from './transcode.ts';

/** Parts are added and removed in bulks of this many, so that no command blocks Redis for long. */
const ADD_BULK = 500;
const REMOVE_BULK = 100;

/** How long an upload waits before it looks again whether it may fan out, or whether Redis is well. */
const LOOK_AGAIN_MS = 500;

/** An upload that waits for another of the same content is woken at its end; this is for when that end was lost. */
const SENDER_LOST_MS = 15_000;

/** An upload that waits for its transcoding is woken by the event of its end; this is for when that got lost. */
const EVENT_LOST_MS = 300_000;

/** A finished upload of more children than this has them struck from Redis; below, that is not worth a round trip. */
const FORGET_CHILDREN_ABOVE = 16;

export interface ReconcilerOptions {
  readonly queues: Queues;
  readonly redis: RedisClient;
  readonly abortFlags: AbortFlags;
  readonly senderLocks: SenderLocks;
  readonly files: FileIndex;
  readonly events: VodEventLog;
  /** Attempts of each child. */
  readonly childAttempts: number;
  /** Milliseconds to wait after so many failures. */
  readonly backoff: (failures: number) => number;
  readonly leave: LeaveNewerJob;
  /** Told once of each change of stage, and of what else is worth knowing. */
  readonly onChange: (change: UploadChange) => void;
  readonly clock?: () => number;
}

/** Something that happened to an upload. */
export interface UploadChange {
  readonly uploadId: string;
  readonly run: Run;
  readonly stage: StoredProgress['stage'];
  /** Once it is known. */
  readonly hashed?: Hashed;
  /** For people. */
  readonly text: string;
}

/** What children of all runs have returned, by child id. */
type Values = Map<string, unknown>;

/**
 * The processor of upload jobs: looks at what is true now, does the one next thing, and sleeps in `waiting-children`
 * until that is done. It can be run again at any moment.
 */
export function createReconciler(
  options: ReconcilerOptions,
): (job: Job, token: string) => Promise<StoredResult> {
  return async (job, token) => {
    try {
      return await new Pass(options, job).toEndOrSleep(token);
    } catch (error) {
      if (error instanceof NewerJobError) return await options.leave(job, token, error);
      if (isRedisError(error)) return await delayJob(job, LOOK_AGAIN_MS, token);
      if (error instanceof UploaderError) throw new UnrecoverableError(formatFailure(failureOf(error)));
      throw error;
    }
  };
}

/** One activation of an upload's job. */
class Pass {
  readonly #deps: ReconcilerOptions;
  readonly #job: Job;
  readonly #id: string;
  #data: UploadData;
  #run: Run;
  /** Of all attempts. */
  #childrenFailed = 0;
  /** What was last written of the stage that this attempt is in. */
  #stage: StoredProgress['stage'] | undefined;

  constructor(deps: ReconcilerOptions, job: Job) {
    this.#deps = deps;
    this.#job = job;
    this.#id = job.id ?? '';
    this.#data = parseUploadData(job.data);
    const attempt = job.attemptsMade + 1;
    this.#run = this.#data.run?.attempt === attempt ? this.#data.run : { attempt, round: 0 };
    const written = parseProgress(job.progress);
    if (written?.attempt === attempt) this.#stage = written.stage;
  }

  async toEndOrSleep(token: string): Promise<StoredResult> {
    if (this.#data.schema !== SCHEMA_VERSION) await this.#update({ schema: SCHEMA_VERSION });
    // Taken for the first time: from now on it goes before uploads that have not begun.
    if (this.#job.priority > 0) await this.#job.changePriority({ priority: 0 });
    for (;;) {
      const result = await this.#step(token);
      // Also before completing: BullMQ refuses that while any child is left, be it a part of an earlier attempt.
      if (await this.#job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
      if (result !== undefined) return result;
      // Its children were done already: look again.
    }
  }

  /** Does the next thing. @returns the result when the upload is complete. */
  async #step(token: string): Promise<StoredResult | undefined> {
    // All at once: they leave for Redis together.
    const [values, cancelled, failure, events] = await Promise.all([
      this.#childValues(),
      this.#deps.abortFlags.isCancelled(this.#id, this.#run.attempt),
      this.#childFailure(),
      this.#awaitsTranscoding() ? this.#deps.events.read(this.#id) : [],
    ]);
    const step = nextStep(this.#facts(values, { cancelled, failure, events }));
    switch (step.kind) {
      case 'settle': {
        const result = this.#result(step, values);
        // Before the result, so that it is done again should this worker die in between.
        await this.#deps.files.add(result.fileId, this.#id);
        await this.#update({ result });
        await this.#enter('finishing', result.fileSize, 'VOD has the whole file');
        return this.#awaitsTranscoding() ? undefined : await this.#complete(result, values);
      }
      case 'complete':
        return await this.#complete(step.result, values);
      case 'transcode': {
        const { result } = step;
        const asked = this.#begun(values).length > 0;
        await this.#enter('transcoding', result.fileSize, 'VOD has the whole file; having it transcoded');
        // Whoever waits for this upload's bytes need not wait for that.
        if (!asked) await this.#letGo(result, values);
        await this.#addTranscode(result, asked, this.#childOptions('transcode', {}));
        return;
      }
      case 'await': {
        const { result, leftMs } = step;
        await this.#enter('transcoding', result.fileSize, 'VOD has the whole file; having it transcoded');
        await this.#job.moveToDelayed(Date.now() + Math.min(leftMs, EVENT_LOST_MS), token);
        // Whoever wrote an event down since this pass began could not wake an upload that was being looked at.
        const { length } = await this.#deps.events.read(this.#id);
        if (length > events.length)
          await wakeAfterTranscoding(this.#deps.queues.upload, this.#deps.redis, this.#id);
        throw new DelayedError();
      }
      case 'fail':
        await this.#deps.abortFlags.stop(this.#id, this.#run.attempt);
        await this.#removePending();
        if (step.rehash) await this.#update({ rehash: true });
        if (this.#data.hashed)
          await this.#deps.senderLocks.release(this.#data.hashed.fileSha, this.#id, 'failed');
        throw new UnrecoverableError(formatFailure(step.failure));
      case 'hash': {
        const { attempt } = this.#run;
        await this.#enter('hashing', 0, attempt > 1 ? `attempt ${attempt}: hashing` : 'hashing');
        const { source, hashed: known, rehash } = this.#data;
        const data: HashData = {
          ...this.#child(),
          source,
          ...(known !== undefined && { known }),
          ...(rehash !== undefined && { rehash }),
        };
        await this.#add('hash', data);
        return;
      }
      case 'init': {
        const { hashed, compare } = step;
        if (!isDeepStrictEqual(this.#data.hashed, hashed)) {
          // Which knows the size as well.
          const { size: _, ...data } = this.#data;
          this.#data = data;
          await this.#update({ hashed });
        }
        const what = `SHA-1 ${hashed.fileSha} of ${formatBytes(hashed.version.size)}`;
        const isNew = await this.#enter('initializing', 0, `${what}; asking VOD what it has`);
        const sender = await this.#deps.senderLocks.acquire(hashed.fileSha, this.#id);
        if (sender !== this.#id) {
          if (isNew) this.#tell('initializing', `waiting for upload ${sender}, which sends the same content`);
          return await this.#lookAgain(SENDER_LOST_MS, token);
        }
        const { video } = this.#data;
        const data: InitData = { ...this.#child(), hashed, video, ...(compare && { compare }) };
        await this.#add('init', data);
        return;
      }
      case 'parts':
        await this.#fanOut(step, values, token);
        return;
      case 'finish': {
        await this.#enter('finishing', step.hashed.version.size, 'VOD has all parts; finishing');
        const data: FinishData = { ...this.#child(), fileSha: step.hashed.fileSha };
        await this.#add('finish', data);
        return;
      }
      case 'replan':
        this.#run = { attempt: this.#run.attempt, round: this.#run.round + 1 };
        await this.#update({ run: this.#run });
        this.#tell('finishing', `not finished: ${step.reason}; asking VOD again what it has`);
        if (step.pause) await this.#lookAgain(this.#deps.backoff(this.#run.round), token);
        return await this.#step(token);
    }
  }

  #facts(
    values: Values,
    seen: {
      readonly cancelled: boolean;
      readonly failure: string | undefined;
      readonly events: readonly ReceivedEvent[];
    },
  ): Facts {
    const { round } = this.#run;
    const { cancelled, failure, events } = seen;
    const { timeoutMs } = this.#data.transcoding ?? {};
    const value = (step: 'hash' | 'init' | 'finish'): unknown =>
      values.get(childId(this.#id, this.#run, step));
    const hashed = value('hash');
    const init = value('init');
    const finish = value('finish');
    const hashedValue = hashed === undefined ? undefined : parseHashed(hashed);
    const initValue = init === undefined ? undefined : parseInitValue(init);
    return {
      cancelled,
      partsDone: this.#doneIndices(values, this.#run).length,
      partsPlanned: partsPlanned(hashedValue, initValue),
      round,
      ...this.#refusals(values),
      ...(this.#data.result !== undefined && { result: this.#data.result }),
      ...(timeoutMs !== undefined && { transcoding: this.#transcoding(values, events, timeoutMs) }),
      ...(failure !== undefined && { failure: parseFailure(failure) }),
      ...(hashedValue !== undefined && { hashed: hashedValue }),
      ...(initValue !== undefined && { init: initValue }),
      ...(finish !== undefined && { finish: parseFinishValue(finish) }),
    };
  }

  #refusals(values: Values): Pick<Facts, 'refusals' | 'refusedBefore'> {
    const { attempt, round } = this.#run;
    const refused = Array.from({ length: round + 1 }, (_, past) => {
      const value = values.get(childId(this.#id, { attempt, round: past }, 'finish'));
      return value !== undefined && parseFinishValue(value).kind === 'refused';
    });
    return { refusals: refused.filter(Boolean).length, refusedBefore: refused[round - 1] ?? false };
  }

  /** Nothing is left to do but to let go of what this upload holds; done again after a crash. */
  async #complete(result: StoredResult, values: Values): Promise<StoredResult> {
    if (this.#awaitsTranscoding()) return { ...result, durationMs: this.#durationMs() };
    if (this.#data.transcoding !== undefined) {
      // A job of its own, which outlives the upload; kept for a while, so that adding it again adds nothing.
      await this.#addTranscode(result, false, this.#jobOptions('transcode', { removeOnComplete: KEPT_JOBS }));
    }
    await this.#letGo(result, values);
    return result;
  }

  async #letGo({ fileSha }: StoredResult, values: Values): Promise<void> {
    await this.#deps.senderLocks.release(fileSha, this.#id, 'done');
    await this.#forgetChildren(values);
  }

  #awaitsTranscoding(): boolean {
    return this.#data.transcoding?.timeoutMs !== undefined;
  }

  /** What VOD has begun in each attempt, in their order. */
  #begun(values: Values): (TranscodeValue & { readonly attempt: number })[] {
    const begun = [];
    for (let attempt = 1; attempt <= this.#run.attempt; attempt++) {
      const value = values.get(childId(this.#id, { attempt, round: 0 }, 'transcode'));
      if (value !== undefined) begun.push({ ...parseTranscodeValue(value), attempt });
    }
    return begun;
  }

  #transcoding(
    values: Values,
    events: readonly ReceivedEvent[],
    timeoutMs: number,
  ): NonNullable<Facts['transcoding']> {
    const begun = this.#begun(values);
    const own = begun.find(({ attempt }) => attempt === this.#run.attempt);
    const end = transcodeEnd(events, begun);
    return {
      ...(own !== undefined && { begun: own }),
      ...(end !== undefined && { end }),
      timeoutMs,
      nowMs: this.#nowMs(),
    };
  }

  async #addTranscode(result: StoredResult, asked: boolean, options: JobsOptions): Promise<void> {
    const { timeoutMs: _, ...flags } = this.#data.transcoding ?? {};
    const data: TranscodeData = {
      ...this.#child(),
      fileId: result.fileId,
      ...flags,
      ...(asked && { asked }),
    };
    this.#checkAdded(await this.#deps.queues.transcode.add('transcode', data, options));
  }

  /** Ends this pass; the next one comes in so many milliseconds, or when somebody wakes the upload. */
  async #lookAgain(afterMs: number, token: string): Promise<never> {
    return await delayJob(this.#job, afterMs, token);
  }

  /** Adds the parts that VOD lacks and that are not done yet; waits its turn while the part queue is full. */
  async #fanOut({ hashed, init }: PartsStep, values: Values, token: string): Promise<void> {
    const { partSize, missing } = init;
    const { size } = hashed.version;
    const parts = partCount(size, partSize);
    const planned = countPlanned(init, parts);
    const waiting = await this.#deps.queues.part.getJobCountByTypes('wait', 'prioritized', 'delayed');
    if (!admitsFanOut(waiting, planned)) await this.#lookAgain(LOOK_AGAIN_MS, token);
    const missingBytes = bytesOf(missing, size, partSize);
    const compared = planned - countIndices(missing);
    const toCompare = compared > 0 ? `; comparing ${compared} that VOD has with the file` : '';
    const toSend = `sending ${countIndices(missing)} of ${parts} parts, ${formatBytes(missingBytes)}${toCompare}`;
    await this.#enter('uploading', size - missingBytes, toSend);
    const done = new Set(this.#doneIndices(values, this.#run));
    for (const jobs of bulks(this.#partJobs({ hashed, init }, done), ADD_BULK)) {
      const added = await this.#deps.queues.part.addBulk(jobs);
      for (const job of added) this.#checkAdded(job);
      if (await this.#deps.abortFlags.isCancelled(this.#id, this.#run.attempt)) return;
    }
  }

  /** The jobs of the parts to send or to compare, but for those that are done; each made when it is asked for. */
  *#partJobs({ hashed, init }: Pick<PartsStep, 'hashed' | 'init'>, done: ReadonlySet<number>) {
    const child = this.#child();
    const { source, priority } = this.#data;
    const { partSize } = init;
    const { size } = hashed.version;
    for (const { index, listedMd5 } of plannedParts(init, partCount(size, partSize))) {
      if (done.has(index)) continue;
      const { offset, dataSize } = partAt(size, partSize, index);
      const data: PartData = {
        ...{ ...child, source, hashed, partSize, offset, dataSize },
        ...(listedMd5 !== undefined && { listedMd5 }),
      };
      const opts = this.#childOptions(index, { priority: partPriority(priority, index) });
      yield { name: `part ${index}`, data, opts };
    }
  }

  /** What the upload reports: counts over all rounds of this attempt. */
  #result(
    settled: { outcome: StoredResult['outcome']; fileId: string; url: string },
    values: Values,
  ): StoredResult {
    const { attempt, round } = this.#run;
    const { fileSha, version } = parseHashed(values.get(childId(this.#id, this.#run, 'hash')));
    let partsSent = 0;
    let bytesSent = 0;
    let parts = partCount(version.size, this.#data.video.partSize);
    let missingAtFirst: number | undefined;
    for (let past = 0; past <= round; past++) {
      const init = parseInitValue(values.get(childId(this.#id, { attempt, round: past }, 'init')));
      if (init.kind === 'exists') continue;
      parts = partCount(version.size, init.partSize);
      missingAtFirst ??= countIndices(init.missing);
      for (const index of this.#sentIndices(values, { attempt, round: past })) {
        partsSent++;
        bytesSent += partAt(version.size, init.partSize, index).dataSize;
      }
    }
    const { name, type } = this.#data.video;
    return {
      outcome: settled.outcome,
      fileId: settled.fileId,
      url: settled.url,
      fileSha,
      fileSize: version.size,
      name,
      type,
      partsSent,
      partsSkipped: parts - (missingAtFirst ?? 0),
      bytesSent,
      metadataApplied: settled.outcome === 'completed',
      durationMs: this.#durationMs(),
    };
  }

  #durationMs(): number {
    const dueMs = this.#job.timestamp + (this.#job.opts.delay ?? 0);
    return Math.max(0, this.#nowMs() - dueMs);
  }

  #nowMs(): number {
    return (this.#deps.clock ?? Date.now)();
  }

  /** Indices of the parts of a run that VOD took. */
  #sentIndices(values: Values, run: Run): number[] {
    return this.#partIndices(values, run, (value) => value !== PART_SKIPPED && value !== PART_SAME);
  }

  /** … or turned out to have as they are. */
  #doneIndices(values: Values, run: Run): number[] {
    return this.#partIndices(values, run, (value) => value !== PART_SKIPPED);
  }

  #partIndices(values: Values, run: Run, fits: (value: unknown) => boolean): number[] {
    const prefix = `${this.#id}-${runName(run)}-p`;
    const indices: number[] = [];
    for (const [id, value] of values) {
      if (id.startsWith(prefix) && fits(value)) indices.push(Number(id.slice(prefix.length)));
    }
    return indices;
  }

  /** Takes what waits of this upload out of the queues. Jobs at work can't be removed; they have been told to stop. */
  async #removePending(): Promise<void> {
    const { queues } = this.#deps;
    let cursor = 0;
    do {
      const { unprocessed = [], nextUnprocessedCursor = 0 } = await this.#job.getDependencies({
        unprocessed: { cursor, count: ADD_BULK },
      });
      for (let from = 0; from < unprocessed.length; from += REMOVE_BULK) {
        await Promise.all(
          unprocessed.slice(from, from + REMOVE_BULK).map((key) => {
            const [queue, id] = key.split(':').slice(-2) as [string, string];
            const stage = STAGES.find((name) => QUEUES[name] === queue);
            return stage && queues[stage].remove(id).catch(() => 0);
          }),
        );
      }
      cursor = nextUnprocessedCursor;
    } while (cursor !== 0);
  }

  /** BullMQ keeps an entry for every child that was processed: 0.8 MB for 10,000 parts. */
  async #forgetChildren(values: Values): Promise<void> {
    const job = this.#deps.queues.upload.toKey(this.#id);
    const many = [
      ...(values.size > FORGET_CHILDREN_ABOVE ? [`${job}:processed`] : []),
      ...(this.#childrenFailed > FORGET_CHILDREN_ABOVE ? [`${job}:failed`] : []),
    ];
    if (many.length > 0) await this.#deps.redis.unlink(...many);
  }

  async #childValues(): Promise<Values> {
    const values = (await this.#job.getChildrenValues()) ?? {};
    return new Map(Object.entries(values).map(([key, value]) => [childIdOf(key), value]));
  }

  async #childFailure(): Promise<string | undefined> {
    const failures = (await this.#job.getIgnoredChildrenFailures()) ?? {};
    this.#childrenFailed = Object.keys(failures).length;
    const ofRun = `${this.#id}-${runName(this.#run)}-`;
    const ofAttempt = (['hash', 'transcode'] as const).map((step) => childId(this.#id, this.#run, step));
    const own = Object.entries(failures)
      .filter(([key]) => childIdOf(key).startsWith(ofRun) || ofAttempt.includes(childIdOf(key)))
      .map(([, reason]) => reason);
    // One part's own trouble makes the others stop as cancelled: the trouble is the news.
    return own.find((reason) => parseFailure(reason).code !== 'CANCELLED') ?? own[0];
  }

  #child(): { schema: number; uploadId: string; run: Run } {
    return { schema: SCHEMA_VERSION, uploadId: this.#id, run: this.#run };
  }

  async #add(stage: 'hash' | 'init' | 'finish', data: object): Promise<void> {
    const { priority: level, hashed, size, video } = this.#data;
    const fileSize = hashed?.version.size ?? size ?? 0;
    const priority = stage === 'hash' ? hashPriority(level, fileSize, video.partSize) : level;
    const job = await this.#deps.queues[stage].add(stage, data, this.#childOptions(stage, { priority }));
    this.#checkAdded(job);
  }

  /** BullMQ answers with a negative id, not with an error, when the parent is gone. */
  #checkAdded({ id }: Pick<Job, 'id'>): void {
    if (Number(id) < 0) throw new Error(`upload ${this.#id} was removed while it was running`);
  }

  #childOptions(step: ChildStep, more: JobsOptions): JobsOptions {
    return {
      ...this.#jobOptions(step, more),
      parent: { id: this.#id, queue: this.#deps.queues.upload.qualifiedName },
      continueParentOnFailure: true,
    };
  }

  /** Of a job that nobody waits for. */
  #jobOptions(step: ChildStep, more: JobsOptions): JobsOptions {
    return {
      jobId: childId(this.#id, this.#run, step),
      priority: this.#data.priority,
      attempts: this.#deps.childAttempts,
      backoff: { type: 'custom' },
      removeOnComplete: true,
      removeOnFail: KEPT_JOBS,
      stackTraceLimit: 1,
      ...more,
    };
  }

  async #update(change: Partial<UploadData>): Promise<void> {
    this.#data = { ...this.#data, ...change };
    await this.#job.updateData(this.#data);
  }

  /** Writes down the stage that the upload is in. @returns whether it has come into it just now */
  async #enter(stage: StoredProgress['stage'], bytesSent: number, text: string): Promise<boolean> {
    const totalBytes = this.#data.hashed?.version.size ?? 0;
    const bytesHashed = stage === 'hashing' ? 0 : totalBytes;
    const { attempt } = this.#run;
    const progress: StoredProgress = { stage, bytesHashed, bytesSent, totalBytes, attempt };
    await this.#job.updateProgress(progress);
    const isNew = this.#stage !== stage;
    this.#stage = stage;
    if (isNew) this.#tell(stage, text);
    return isNew;
  }

  #tell(stage: StoredProgress['stage'], text: string): void {
    const { hashed } = this.#data;
    const known = hashed === undefined ? {} : { hashed };
    this.#deps.onChange({ uploadId: this.#id, run: this.#run, stage, text, ...known });
  }
}

type PartsStep = Extract<Step, { kind: 'parts' }>;

function partsPlanned(hashed: Hashed | undefined, init: InitValue | undefined): number {
  if (hashed === undefined || init?.kind !== 'send') return 0;
  return countPlanned(init, partCount(hashed.version.size, init.partSize));
}

function childIdOf(key: string): string {
  return key.slice(key.lastIndexOf(':') + 1);
}

/** What an iterable gives, in arrays of so many. */
function* bulks<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let bulk: T[] = [];
  for (const item of items) {
    if (bulk.push(item) < size) continue;
    yield bulk;
    bulk = [];
  }
  if (bulk.length > 0) yield bulk;
}
