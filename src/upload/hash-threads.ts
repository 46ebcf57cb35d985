import type { Worker } from 'node:worker_threads';
import { endedEarlyError, sourceErrorOf } from '../source/errors.ts';
import type { FileSource } from '../source/source.ts';
import { HashError } from './errors.ts';
import type { ThreadReply, ThreadRequest } from './hash-thread.ts';
import { startThread } from './thread.ts';

/** One file on its way through a thread. */
interface HashRun {
  readonly source: FileSource;
  readonly onProgress: ((bytesHashed: number) => void) | undefined;
  readonly resolve: (fileSha: string) => void;
  readonly reject: (reason: unknown) => void;
  /** Its caller has gone: nothing is reported any more. */
  aborted: boolean;
}

/** A file of at most this size is hashed in a fraction of a second. */
const SMALL_BYTES = 64 * 1024 * 1024;

/** Persistent threads, each with one file at a time, and the files that wait for one. One more is for small files. */
export class HashThreads {
  readonly #limit: number;
  readonly #progressMs: number;
  /** What each thread is doing; undefined: idle. */
  readonly #threads = new Map<Worker, HashRun | undefined>();
  #waiting: HashRun[] = [];
  #closed = false;

  /**
   * @param limit the most threads there may be for files of any size
   * @param progressMs how often at most each of them tells how far it is
   * @throws {RangeError} unless `limit` is a whole number ≥ 1
   */
  constructor(limit: number, progressMs: number) {
    if (!Number.isInteger(limit) || limit < 1)
      throw new RangeError(`threads must be 1 or more, not ${limit}`);
    this.#limit = limit;
    this.#progressMs = progressMs;
  }

  /**
   * The SHA-1 of an open file that nobody else is checking; see `Hasher.hash`. An abort rejects at once, without
   * waiting for a read that may hang. The descriptor may be closed then, and its number be given to another file:
   * a read of the thread that comes too late moves no file's position, and what it got is thrown away.
   */
  async hash(
    source: FileSource,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly onProgress?: ((bytesHashed: number) => void) | undefined;
    },
  ): Promise<string> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    if (this.#closed) throw closedError();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const run: HashRun = { source, onProgress, resolve, reject, aborted: false };
    const abort = () => {
      this.#withdraw(run);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.#waiting.push(run);
    this.#startWaiting();
    return promise.finally(() => signal?.removeEventListener('abort', abort));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const run of [...this.#waiting, ...this.#threads.values()]) run?.reject(closedError());
    this.#waiting = [];
    await Promise.all(Array.from(this.#threads.keys(), (thread) => thread.terminate()));
  }

  #startWaiting(): void {
    for (let run = this.#next(); run !== undefined; run = this.#next()) {
      this.#waiting.splice(this.#waiting.indexOf(run), 1);
      try {
        const thread = this.#freeThread();
        this.#threads.set(thread, run);
        thread.ref();
        const { fd, size } = run.source;
        post(thread, { kind: 'hash', fd, size, progressMs: this.#progressMs });
      } catch (cause) {
        const words = `No thread could be started to hash ${run.source.path}`;
        run.reject(new HashError('HASH_THREAD_DIED', words, cause));
      }
    }
  }

  /** The file that may start now: the first one or, when large ones keep all threads busy, a small one. */
  #next(): HashRun | undefined {
    const busy = [...this.#threads.values()].filter((run) => run !== undefined);
    if (busy.length < this.#limit) return this.#waiting[0];
    if (busy.length > this.#limit || busy.some(isSmall)) return undefined;
    return this.#waiting.find(isSmall);
  }

  #freeThread(): Worker {
    for (const [thread, run] of this.#threads) if (run === undefined) return thread;
    return this.#spawn();
  }

  #spawn(): Worker {
    const thread = startThread('hash-thread', (cause) => this.#onExit(thread, cause));
    thread.on('message', (reply: ThreadReply) => this.#onReply(thread, reply));
    this.#threads.set(thread, undefined);
    return thread;
  }

  #onReply(thread: Worker, reply: ThreadReply): void {
    const run = this.#threads.get(thread);
    if (reply.kind === 'progress') {
      if (run?.aborted === false) run.onProgress?.(reply.bytesHashed);
      return;
    }
    this.#threads.set(thread, undefined);
    thread.unref();
    if (run !== undefined) settle(run, reply);
    this.#startWaiting();
  }

  #onExit(thread: Worker, cause: unknown): void {
    const run = this.#threads.get(thread);
    this.#threads.delete(thread);
    run?.reject(new HashError('HASH_THREAD_DIED', `The thread that hashed ${run.source.path} died`, cause));
    this.#startWaiting();
  }

  #withdraw(run: HashRun): void {
    run.aborted = true;
    this.#waiting = this.#waiting.filter((other) => other !== run);
    for (const [thread, current] of this.#threads) {
      if (current !== run) continue;
      post(thread, { kind: 'stop' });
      thread.unref();
    }
  }
}

function isSmall({ source }: HashRun): boolean {
  return source.size <= SMALL_BYTES;
}

/** A stopped run has been rejected by its abort. */
function settle(run: HashRun, reply: Exclude<ThreadReply, { kind: 'progress' }>): void {
  const { path, size } = run.source;
  if (reply.kind === 'hashed') run.resolve(reply.fileSha);
  if (reply.kind === 'short') run.reject(endedEarlyError(path, size, reply.end));
  if (reply.kind === 'failed') {
    run.reject(sourceErrorOf(Object.assign(new Error(reply.message), { code: reply.code }), path, true));
  }
}

function post(thread: Worker, request: ThreadRequest): void {
  thread.postMessage(request);
}

function closedError(): HashError {
  return new HashError('HASHER_CLOSED', 'The hasher was closed before the file was hashed');
}
