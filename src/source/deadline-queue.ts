import { trackFileOperation } from '../process/exit.ts';
import { SourceError } from './errors.ts';
import { type FileOperation, NOT_STARTED, QueuedOperation } from './queued-operation.ts';

/** Time limit of an operation on a file; default of SOURCE_READ_TIMEOUT_MS. */
export const READ_TIMEOUT_MS = 60_000;

/** An operation that takes longer is slow, probably because its disk hangs. */
const SLOW_MS = 1000;

export interface QueueLimits {
  /** Concurrent operations, without slow ones. */
  readonly limit: number;
  /** Maximum number of slow operations on one file system; no more are started there. */
  readonly slowPerMount: number;
  /** Slow operations beyond this number count towards `limit` again. */
  readonly slowInTotal: number;
  /** Whether one small operation at a time may start beyond `limit`. */
  readonly smallLane?: boolean;
  readonly timeoutMs: number;
  /** The environment variable that sets `timeoutMs`, for errors. */
  readonly variable?: string;
}

/**
 * Starts operations on files in order, a few at a time, each with a deadline. A hung operation can't be ended, and its disk
 * may come back. So slow operations do not count towards the limit, and others start in their place: up to a number per
 * file system, beyond which operations on that one fail at once, while those on others continue.
 */
export class DeadlineQueue {
  readonly #limits: QueueLimits;
  readonly #started = new Set<QueuedOperation>();
  #waiting: QueuedOperation[] = [];
  #closedError: (() => Error) | undefined;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /**
   * @throws {SourceError} SOURCE_READ_FAILED when it does not return or progress in time, or its file system hangs
   * @throws the signal's reason, at once
   */
  async run<T>(operation: FileOperation<T>): Promise<T> {
    const { signal } = operation;
    signal?.throwIfAborted();
    if (this.#closedError !== undefined) throw this.#closedError();
    const queued = new QueuedOperation(operation as FileOperation<unknown>);
    const abort = (): void => this.#fail(queued, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.push(queued);
    this.#advance();
    try {
      return (await queued.outcome) as T;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Operations that have not returned fail with this error, and so do later ones. */
  close(error: () => Error): void {
    this.#closedError = error;
    for (const queued of [...this.#waiting, ...this.#started]) queued.reject(error());
    this.#waiting = [];
  }

  #advance(): void {
    for (const queued of this.#waiting.filter((waiting) => this.#isBlocked(waiting))) {
      this.#fail(queued, this.#hangsError(queued));
    }
    for (let queued = this.#next(); queued !== undefined; queued = this.#next()) {
      this.#waiting.splice(this.#waiting.indexOf(queued), 1);
      void this.#start(queued);
    }
  }

  /** The operation to start: the first on a file system that responds; if the limit is reached, the first small one. */
  #next(): QueuedOperation | undefined {
    const { limit, slowPerMount, slowInTotal, smallLane } = this.#limits;
    const running = [...this.#started].filter(({ state }) => state === 'running');
    const slow = this.#started.size - running.length;
    const used = running.length + Math.max(0, slow - slowInTotal);
    const mayStart = (queued: QueuedOperation): boolean =>
      slow === 0 || this.#count(isSlow, queued) < slowPerMount;
    if (used < limit) return this.#waiting.find(mayStart);
    if (!smallLane || slow > slowInTotal || running.some(isSmall)) return undefined;
    return this.#waiting.find((queued) => isSmall(queued) && mayStart(queued));
  }

  async #start(queued: QueuedOperation): Promise<void> {
    const returned = trackFileOperation();
    this.#started.add(queued);
    queued.timer = setTimeout(() => this.#timeOut(queued), this.#limits.timeoutMs).unref();
    try {
      queued.resolve(await queued.operation.start(() => this.#restartDeadline(queued)));
    } catch (error) {
      if (error === NOT_STARTED && !queued.settled) this.#waiting.unshift(queued);
      else queued.reject(error);
    } finally {
      clearTimeout(queued.timer);
      this.#started.delete(queued);
      returned();
      this.#advance();
    }
  }

  /** The operation has made progress: it gets the whole time again. */
  #restartDeadline(queued: QueuedOperation): void {
    const { timeoutMs } = this.#limits;
    clearTimeout(queued.timer);
    if (queued.state === 'timedOut') return;
    queued.state = 'running';
    const slowMs = Math.min(SLOW_MS, timeoutMs);
    // Two timers, one after the other: after the process was suspended for minutes, operations still have time left.
    queued.timer = setTimeout(() => {
      queued.markSlow();
      queued.timer = setTimeout(() => this.#timeOut(queued), timeoutMs - slowMs).unref();
      this.#advance();
    }, slowMs).unref();
  }

  #timeOut(queued: QueuedOperation): void {
    queued.state = 'timedOut';
    const problem = `${queued.operation.describe()} took longer than ${this.#timeout()}; check the disk or the mount that holds it`;
    this.#fail(queued, readError(queued, problem));
    this.#advance();
  }

  #fail(queued: QueuedOperation, reason: unknown): void {
    if (queued.settled) return;
    queued.reject(reason);
    if (this.#started.has(queued)) queued.operation.onAbandoned?.();
    else this.#waiting = this.#waiting.filter((waiting) => waiting !== queued);
  }

  /** Whether it can't start before an operation returns that has timed out. */
  #isBlocked(queued: QueuedOperation): boolean {
    const { limit, slowPerMount, slowInTotal } = this.#limits;
    const timedOut = this.#count(isTimedOut);
    if (timedOut === 0 || queued.operation.mustRun) return false;
    return timedOut >= limit + slowInTotal || this.#count(isTimedOut, queued) >= slowPerMount;
  }

  #hangsError(queued: QueuedOperation): SourceError {
    const hangs = this.#count(isTimedOut, queued) >= this.#limits.slowPerMount;
    const where = hangs ? queued.mount.point : 'several file systems';
    return readError(
      queued,
      `operations on ${where} hang, each for longer than ${this.#timeout()}, and no more are started ` +
        'until one returns; check the disk or the mount',
    );
  }

  #timeout(): string {
    const { timeoutMs, variable } = this.#limits;
    return `${timeoutMs / 1000} s${variable === undefined ? '' : ` (${variable})`}`;
  }

  /** Counts started operations that match, of all or on the file system of one. */
  #count(matches: (started: QueuedOperation) => boolean, on?: QueuedOperation): number {
    let count = 0;
    for (const started of this.#started) {
      if (matches(started) && (on === undefined || started.mount.id === on.mount.id)) count++;
    }
    return count;
  }
}

const isSlow = ({ state }: QueuedOperation): boolean => state !== 'running';
const isTimedOut = ({ state }: QueuedOperation): boolean => state === 'timedOut';
const isSmall = ({ operation }: QueuedOperation): boolean => operation.isSmall === true;

function readError({ operation }: QueuedOperation, problem: string): SourceError {
  return new SourceError('SOURCE_READ_FAILED', `${operation.path} could not be read: ${problem}`);
}
