import { trackFileOperation } from '../process/exit.ts';
import { SourceError } from './errors.ts';
import { type Mount, mountOf } from './mounts.ts';

/** How long an operation on a file may take; the default of SOURCE_READ_TIMEOUT_MS. */
export const READ_TIMEOUT_MS = 60_000;

/** An operation that takes longer is held: by its disk, most likely. */
const SLOW_MS = 1000;

/** What an operation rejects with that was not begun after all; it waits for another turn then. */
export const NOT_BEGUN = Symbol('not begun');

/** Something that is done to a file, and that never returns when the file's disk hangs. */
export interface FileOperation<T> {
  readonly path: string;
  /** What it is at, for errors: `opening it`. */
  doing(): string;
  /** @param goesOn to be called when it comes to the disk, and when it gets on; each time it has its whole time again */
  start(goesOn: () => void): Promise<T>;
  readonly signal?: AbortSignal | undefined;
  /** Called when its disk holds it: nothing should wait for it to return. */
  hold?(): void;
  /** Called when nobody waits for it any more, though it has not returned. */
  abandon?(): void;
  /** Called with what it returns then. */
  late?(result: T): void;
  readonly isSmall?: boolean;
  /** It frees something, so it waits as long as it takes to begin. */
  readonly mustRun?: boolean;
}

export interface QueueLimits {
  /** Operations at a time, without those that are held. */
  readonly limit: number;
  /** No operation begins in a file system that holds so many. */
  readonly heldPerMount: number;
  /** Held operations beyond so many count among `limit` again. */
  readonly heldInAll: number;
  /** Whether a small operation may begin beyond `limit`, one at a time. */
  readonly smallLane?: boolean;
  readonly timeoutMs: number;
  /** The variable that sets `timeoutMs`, if one does. */
  readonly variable?: string;
}

/** quick → held → overdue; a held one that gets on is quick again. Nobody waits for an overdue one. */
type RunState = 'quick' | 'held' | 'overdue';

class Run {
  readonly operation: FileOperation<unknown>;
  readonly #outcome = Promise.withResolvers<unknown>();
  state: RunState = 'quick';
  settled = false;
  timer: NodeJS.Timeout | undefined;
  #mount: Mount | undefined;

  constructor(operation: FileOperation<unknown>) {
    this.operation = operation;
  }

  get outcome(): Promise<unknown> {
    return this.#outcome.promise;
  }

  get mount(): Mount {
    this.#mount ??= mountOf(this.operation.path);
    return this.#mount;
  }

  /** From now on its mount is looked at: the one that holds it, whatever is mounted there later. */
  hold(): void {
    this.state = 'held';
    this.#mount = this.mount;
    this.operation.hold?.();
  }

  resolve(result: unknown): void {
    if (this.settled) this.operation.late?.(result);
    else this.#outcome.resolve(result);
    this.settled = true;
  }

  reject(reason: unknown): void {
    this.settled = true;
    this.#outcome.reject(reason);
  }
}

/**
 * Begins operations on files in order, a few at a time, and gives each a deadline. An operation that hangs can't be
 * ended, and its disk may come back. So it is set aside and others take its turn: up to a number for each file system,
 * beyond which operations in that one fail at once, and those in others go on.
 */
export class DeadlineQueue {
  readonly #limits: QueueLimits;
  readonly #atWork = new Set<Run>();
  #waiting: Run[] = [];
  #closedError: (() => Error) | undefined;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /**
   * @throws {SourceError} SOURCE_READ_FAILED when it does not return or get on in time, or its file system hangs
   * @throws the signal's reason, at once
   */
  async run<T>(operation: FileOperation<T>): Promise<T> {
    const { signal } = operation;
    signal?.throwIfAborted();
    if (this.#closedError !== undefined) throw this.#closedError();
    const run = new Run(operation as FileOperation<unknown>);
    const abort = (): void => this.#giveUp(run, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.push(run);
    this.#advance();
    try {
      return (await run.outcome) as T;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** What has not returned fails with this, and so does what comes later. */
  close(error: () => Error): void {
    this.#closedError = error;
    for (const run of [...this.#waiting, ...this.#atWork]) run.reject(error());
    this.#waiting = [];
  }

  #advance(): void {
    for (const run of this.#waiting.filter((waiting) => this.#isHopeless(waiting))) {
      this.#giveUp(run, this.#hangsError(run));
    }
    for (let run = this.#next(); run !== undefined; run = this.#next()) {
      this.#waiting.splice(this.#waiting.indexOf(run), 1);
      void this.#start(run);
    }
  }

  /** The operation that may begin now: the first whose file system is well or, when `limit` are at work, a small one. */
  #next(): Run | undefined {
    const { limit, heldPerMount, heldInAll, smallLane } = this.#limits;
    const quick = [...this.#atWork].filter(({ state }) => state === 'quick');
    const held = this.#atWork.size - quick.length;
    const taken = quick.length + Math.max(0, held - heldInAll);
    const fits = (run: Run): boolean => held === 0 || this.#count(isHeld, run.mount) < heldPerMount;
    if (taken < limit) return this.#waiting.find(fits);
    if (!smallLane || held > heldInAll || quick.some(isSmall)) return undefined;
    return this.#waiting.find((run) => isSmall(run) && fits(run));
  }

  async #start(run: Run): Promise<void> {
    const returned = trackFileOperation();
    this.#atWork.add(run);
    run.timer = setTimeout(() => this.#overdue(run), this.#limits.timeoutMs).unref();
    try {
      run.resolve(await run.operation.start(() => this.#watch(run)));
    } catch (error) {
      if (error === NOT_BEGUN && !run.settled) this.#waiting.unshift(run);
      else run.reject(error);
    } finally {
      clearTimeout(run.timer);
      this.#atWork.delete(run);
      returned();
      this.#advance();
    }
  }

  /** Gives the operation its whole time. */
  #watch(run: Run): void {
    const { timeoutMs } = this.#limits;
    clearTimeout(run.timer);
    if (run.state === 'overdue') return;
    run.state = 'quick';
    const slowMs = Math.min(SLOW_MS, timeoutMs);
    // One after the other: a process that was stopped for minutes goes on with operations that have time left.
    run.timer = setTimeout(() => {
      run.hold();
      run.timer = setTimeout(() => this.#overdue(run), timeoutMs - slowMs).unref();
      this.#advance();
    }, slowMs).unref();
  }

  #overdue(run: Run): void {
    run.state = 'overdue';
    const { path } = run.operation;
    const words = `${run.operation.doing()} took longer than ${this.#timeout()}; check the disk or the mount that holds it`;
    this.#giveUp(run, new SourceError('SOURCE_READ_FAILED', `${path} could not be read: ${words}`));
    this.#advance();
  }

  #giveUp(run: Run, reason: unknown): void {
    if (run.settled) return;
    run.reject(reason);
    if (this.#atWork.has(run)) run.operation.abandon?.();
    else this.#waiting = this.#waiting.filter((waiting) => waiting !== run);
  }

  /** Whether it could only begin when an operation returns that is overdue. */
  #isHopeless(run: Run): boolean {
    const { limit, heldPerMount, heldInAll } = this.#limits;
    const overdue = this.#count(isOverdue);
    if (overdue === 0 || run.operation.mustRun) return false;
    return overdue >= limit + heldInAll || this.#count(isOverdue, run.mount) >= heldPerMount;
  }

  #hangsError(run: Run): SourceError {
    const { heldPerMount } = this.#limits;
    const ofMount = this.#count(isOverdue, run.mount);
    const where = ofMount >= heldPerMount ? run.mount.point : 'several file systems';
    const words =
      `operations on ${where} hang, each for longer than ${this.#timeout()}, and no more are begun ` +
      'until one returns; check the disk or the mount';
    return new SourceError('SOURCE_READ_FAILED', `${run.operation.path} could not be read: ${words}`);
  }

  #timeout(): string {
    const { timeoutMs, variable } = this.#limits;
    return `${timeoutMs / 1000} s${variable === undefined ? '' : ` (${variable})`}`;
  }

  /** How many operations at work are so, of all or of one mount. */
  #count(is: (run: Run) => boolean, mount?: Mount): number {
    let count = 0;
    for (const run of this.#atWork) {
      if (is(run) && (mount === undefined || run.mount.id === mount.id)) count++;
    }
    return count;
  }
}

const isHeld = ({ state }: Run): boolean => state !== 'quick';
const isOverdue = ({ state }: Run): boolean => state === 'overdue';
const isSmall = ({ operation }: Run): boolean => operation.isSmall === true;
