import type { Worker } from 'node:worker_threads';
import { endedEarlyError, sourceErrorOf } from '../source/errors.ts';
import type { FileSource } from '../source/source.ts';
import { refuseChanges } from '../source/version.ts';
import { HashError } from './errors.ts';
import type { PartReply, PartRequest } from './part-thread.ts';
import { startThread } from './thread.ts';

type Read = Extract<PartReply, { kind: 'read' }>;

interface Pending {
  readonly resolve: (reply: Read) => void;
  readonly reject: (reason: unknown) => void;
  readonly path: string;
}

/**
 * Reads parts of files and computes their MD5 in a thread of its own: MD5 alone takes as long as sending. The thread
 * starts with the first part and doesn't keep the process alive while it has nothing to do.
 */
export class PartReader {
  #thread: Worker | undefined;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #closed = false;

  /**
   * Fills `target` with the bytes from `offset` on; it belongs to the read until that has settled.
   * @returns their MD5 in lower-case hex
   * @throws {SourceError} SOURCE_CHANGED, SOURCE_READ_FAILED
   * @throws {HashError} (retryable) when the thread dies or the reader is closed
   */
  async read(source: FileSource, target: Uint8Array<SharedArrayBuffer>, offset: number): Promise<string> {
    const { path, version } = source;
    const reply = await this.#ask(path, { id: this.#nextId++, fd: source.fd, offset, target });
    refuseChanges(path, version, reply.version);
    if (reply.bytes < target.length) throw endedEarlyError(path, version.size, offset + reply.bytes);
    return reply.dataMd5;
  }

  /** Ends the thread; reads under way fail with HASHER_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#rejectAll(closedError);
    await this.#thread?.terminate();
  }

  #ask(path: string, request: PartRequest): Promise<Read> {
    if (this.#closed) return Promise.reject(closedError());
    const thread = this.#thread ?? this.#start();
    thread.ref();
    return new Promise((resolve, reject) => {
      this.#pending.set(request.id, { resolve, reject, path });
      thread.postMessage(request);
    });
  }

  #start(): Worker {
    const thread = startThread('part-thread', (cause) => {
      this.#thread = undefined;
      this.#rejectAll(
        (path) => new HashError('HASH_THREAD_DIED', `The thread that read ${path} died`, cause),
      );
    });
    thread.on('message', (reply: PartReply) => this.#settle(reply));
    this.#thread = thread;
    return thread;
  }

  #settle(reply: PartReply): void {
    const { resolve, reject, path } = this.#pending.get(reply.id) as Pending;
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#thread?.unref();
    if (reply.kind === 'read') resolve(reply);
    else reject(sourceErrorOf(Object.assign(new Error(reply.message), { code: reply.code }), path, true));
  }

  #rejectAll(errorFor: (path: string) => HashError): void {
    for (const { reject, path } of this.#pending.values()) reject(errorFor(path));
    this.#pending.clear();
  }
}

function closedError(): HashError {
  return new HashError('HASHER_CLOSED', 'The reader was closed before the part was read');
}
