import { Worker } from 'node:worker_threads';
import { SourceError } from './errors.ts';
import { NOT_STARTED } from './queued-operation.ts';
import { ThreadError } from './thread-error.ts';
import {
  type Reply,
  type Request,
  type RequestMessage,
  type StartFlag,
  type StopMessage,
  setStartFlag,
} from './thread-protocol.ts';

/** Called while a thread carries out a request. */
export interface RequestCallbacks {
  /** It was started, or has progressed. */
  onProgress(): void;
  onBytes(bytes: number): void;
  /** @param diskMs of a read: how much longer the disk took than the digest */
  resolve(result: unknown, diskMs?: number): void;
  /** With {@link NOT_STARTED} when it was withdrawn. */
  reject(reason: unknown): void;
}

/** A request that was sent to the thread. */
interface PendingRequest {
  readonly path: string;
  readonly callbacks: RequestCallbacks;
  readonly startFlag: StartFlag | undefined;
  isAbandoned: boolean;
}

/** A thread of a pool. Keeps the process alive only while something waits for a result. */
export class PoolThread {
  readonly #worker: Worker;
  /** The thread carries out the first, as far as its replies show; the others wait. */
  #pending: PendingRequest[] = [];
  #isReady = false;
  #isClosed = false;
  /** Whether its current request is slow, probably because a disk hangs. */
  isSlow = false;

  /**
   * @param name for debuggers
   * @param on.idle called when no requests are pending
   * @param on.exit called when it has ended
   * @throws when the system can't start a thread
   */
  constructor(name: string, on: { readonly idle: () => void; readonly exit: () => void }) {
    // The compiler rewrites the extensions of imports, but not of this URL.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./disk-thread.${extension}`, import.meta.url), {
      // Without the flags of this process, some of which (--input-type, --inspect) are wrong for a thread.
      execArgv: [],
      // Files that it opens stay open when it ends.
      trackUnmanagedFds: false,
      name,
    });
    let cause: unknown;
    this.#worker.on('message', (reply: Reply) => {
      this.#onReply(reply);
      if (this.#pending.length === 0 && reply.kind !== 'ready') on.idle();
    });
    this.#worker.on('error', (error) => {
      cause = error;
    });
    this.#worker.on('exit', () => {
      on.exit();
      this.#withdrawWaiting();
      for (const { path, callbacks } of this.#pending) {
        callbacks.reject(new ThreadError('HASH_THREAD_DIED', `The thread that read ${path} died`, cause));
      }
    });
  }

  /** Number of pending requests. */
  get load(): number {
    return this.#pending.length;
  }

  /** @returns a function to call when nothing waits for the result any more */
  send(request: Request, callbacks: RequestCallbacks): () => void {
    const isFirst = this.#pending.length === 0;
    const startFlag = isFirst ? undefined : new Int32Array(new SharedArrayBuffer(4));
    const pending: PendingRequest = { path: request.path, callbacks, startFlag, isAbandoned: false };
    this.#pending.push(pending);
    this.#worker.ref();
    this.#worker.postMessage({ request, startFlag } satisfies RequestMessage);
    if (isFirst && this.#isReady) callbacks.onProgress();
    return () => this.#abandon(pending);
  }

  /** Its current request is slow: withdraws those that wait for it. */
  markSlow(): void {
    this.isSlow = true;
    this.#withdrawWaiting();
  }

  /** Resolves when it has ended; never while a disk hangs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker.terminate();
  }

  #onReply(reply: Reply): void {
    this.#isReady = true;
    const [current] = this.#pending;
    // Replies may still arrive after close.
    if (current === undefined || this.#isClosed) return;
    const { callbacks } = current;
    switch (reply.kind) {
      case 'ready':
        callbacks.onProgress();
        return;
      case 'progress':
        callbacks.onProgress();
        if (!current.isAbandoned) callbacks.onBytes(reply.bytes);
        return;
      case 'done':
        this.#next();
        callbacks.resolve(reply.result, reply.diskMs);
        return;
      case 'failed':
        this.#next();
        callbacks.reject(new SourceError(reply.code, reply.message));
    }
  }

  /** The thread has started its next request, if there is one. */
  #next(): void {
    this.isSlow = false;
    this.#pending.shift();
    this.#pending[0]?.callbacks.onProgress();
    this.#unrefIfUnused();
  }

  #withdrawWaiting(): void {
    const withdrawn = this.#pending.filter(withdraw);
    this.#pending = this.#pending.filter((pending) => !withdrawn.includes(pending));
    for (const { callbacks } of withdrawn) callbacks.reject(NOT_STARTED);
  }

  #abandon(pending: PendingRequest): void {
    pending.isAbandoned = true;
    if (withdraw(pending)) {
      this.#pending = this.#pending.filter((other) => other !== pending);
      pending.callbacks.reject(NOT_STARTED);
    } else if (pending === this.#pending[0]) {
      this.#worker.postMessage({ kind: 'stop' } satisfies StopMessage);
    }
    this.#unrefIfUnused();
  }

  #unrefIfUnused(): void {
    if (this.#pending.every(({ isAbandoned }) => isAbandoned)) this.#worker.unref();
  }
}

/** Withdraws a request, unless the thread has started it. @returns whether it is withdrawn */
function withdraw({ startFlag }: PendingRequest): boolean {
  return startFlag !== undefined && setStartFlag(startFlag);
}
