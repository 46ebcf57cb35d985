import { Worker } from 'node:worker_threads';
import { NOT_BEGUN } from './deadline-queue.ts';
import type { Order, Reply, Request, Stop } from './disk-thread.ts';
import { SourceError } from './errors.ts';
import { ThreadError } from './thread-error.ts';

/** Who asks a thread for something. */
export interface Asker {
  /** It is begun, or gets on. */
  goesOn(): void;
  onProgress(bytes: number): void;
  resolve(result: unknown): void;
  /** {@link NOT_BEGUN} when it was taken back. */
  reject(reason: unknown): void;
}

/** A request that the thread has. */
interface Work {
  readonly path: string;
  readonly asker: Asker;
  /** See {@link Order}; absent of what it begins at once. */
  readonly claim: Int32Array<SharedArrayBuffer> | undefined;
  isAbandoned: boolean;
}

/** A thread that works on files, seen from outside. It does not keep the process alive while nobody waits for it. */
export class Thread {
  readonly #worker: Worker;
  /** The first is what it is at, as far as its replies tell; the others follow. */
  #works: Work[] = [];
  #isReady = false;
  #isClosed = false;
  /** Whether a disk holds it. */
  isHeld = false;
  /** How long it is at a request, lately; the first ones, for which it loads code, count little. */
  usualMs = 0;

  /**
   * @param name for debuggers
   * @param on.idle told when it has nothing more to do
   * @param on.exit told when it has ended
   * @throws when the system has no thread to give
   */
  constructor(name: string, on: { readonly idle: () => void; readonly exit: () => void }) {
    // The compiler rewrites the extensions of imports, not of this.
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./disk-thread.${extension}`, import.meta.url), {
      // No flags of this process: some (--input-type, --inspect) make no sense for a thread.
      execArgv: [],
      // Files that it opens stay open after its end.
      trackUnmanagedFds: false,
      name,
    });
    let cause: unknown;
    this.#worker.on('message', (reply: Reply) => {
      this.#onReply(reply);
      if (this.#works.length === 0 && reply.kind !== 'ready') on.idle();
    });
    this.#worker.on('error', (error) => {
      cause = error;
    });
    this.#worker.on('exit', () => {
      on.exit();
      this.#takeBack();
      for (const { path, asker } of this.#works) {
        asker.reject(new ThreadError('HASH_THREAD_DIED', `The thread that read ${path} died`, cause));
      }
    });
  }

  /** How many requests it has. */
  get load(): number {
    return this.#works.length;
  }

  /** @returns to be called when nobody waits for it any more */
  send(request: Request, asker: Asker): () => void {
    const isFirst = this.#works.length === 0;
    const claim = isFirst ? undefined : new Int32Array(new SharedArrayBuffer(4));
    const work: Work = { path: request.path, asker, claim, isAbandoned: false };
    this.#works.push(work);
    this.#worker.ref();
    this.#worker.postMessage({ request, claim } satisfies Order);
    if (isFirst && this.#isReady) asker.goesOn();
    return () => this.#abandon(work);
  }

  /** A disk holds it: what it has not begun is taken back. */
  hold(): void {
    this.isHeld = true;
    this.#takeBack();
  }

  /** Resolves when it has ended, which it never does while a disk holds it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker.terminate();
  }

  #onReply(reply: Reply): void {
    this.#isReady = true;
    const [work] = this.#works;
    // What was under way when it was closed still arrives.
    if (work === undefined || this.#isClosed) return;
    const { asker } = work;
    switch (reply.kind) {
      case 'ready':
        asker.goesOn();
        return;
      case 'progress':
        asker.goesOn();
        if (!work.isAbandoned) asker.onProgress(reply.bytes);
        return;
      case 'done':
        this.usualMs = 0.75 * this.usualMs + 0.25 * reply.tookMs;
        this.#next();
        asker.resolve(reply.result);
        return;
      case 'failed':
        this.#next();
        asker.reject(new SourceError(reply.code, reply.message));
    }
  }

  /** It has begun with the next request, if there is one. */
  #next(): void {
    this.isHeld = false;
    this.#works.shift();
    this.#works[0]?.asker.goesOn();
    this.#unrefIfAlone();
  }

  #takeBack(): void {
    const begun = this.#works.filter((work) => !isTakenBack(work));
    const others = this.#works.filter((work) => !begun.includes(work));
    this.#works = begun;
    for (const { asker } of others) asker.reject(NOT_BEGUN);
  }

  #abandon(work: Work): void {
    work.isAbandoned = true;
    if (isTakenBack(work)) {
      this.#works = this.#works.filter((other) => other !== work);
      work.asker.reject(NOT_BEGUN);
    } else if (work === this.#works[0]) this.#worker.postMessage({ kind: 'stop' } satisfies Stop);
    this.#unrefIfAlone();
  }

  #unrefIfAlone(): void {
    if (this.#works.every(({ isAbandoned }) => isAbandoned)) this.#worker.unref();
  }
}

/** Takes it back, if the thread has not begun it. */
function isTakenBack({ claim }: Work): boolean {
  return claim !== undefined && Atomics.compareExchange(claim, 0, 0, 1) === 0;
}
