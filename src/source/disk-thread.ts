/**
 * The body of a thread that works on files: it says `ready`, and then answers one request at a time, each by any number
 * of `progress` and then by exactly one other reply; but for those that were taken back, to which it says nothing.
 */
import { closeSync } from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { type SourceErrorCode, sourceErrorOf } from './errors.ts';
import {
  type DirectoryLook,
  hashFile,
  lookAtDirectory,
  type OpenedFile,
  openFile,
  readRange,
  verifyFile,
} from './file-operations.ts';
import type { Digest, FileVersion } from './source.ts';

/** What a thread can be asked for, by kind, and what it returns. */
export interface Operations {
  readonly open: {
    readonly asks: { readonly roots: readonly string[]; readonly expect: FileVersion | undefined };
    readonly returns: OpenedFile;
  };
  readonly verify: { readonly asks: OpenedFile; readonly returns: undefined };
  readonly read: {
    readonly asks: OpenedFile & {
      /** To be filled; the same memory in both threads. */
      readonly target: Uint8Array<SharedArrayBuffer>;
      readonly offset: number;
      readonly digest: Digest;
    };
    readonly returns: string;
  };
  /** `progressMs`: at least so long between two `progress`, which are the bytes hashed so far. */
  readonly hash: {
    readonly asks: { readonly fd: number; readonly size: number; readonly progressMs: number };
    readonly returns: string | undefined;
  };
  /** Of a directory. */
  readonly look: { readonly asks: object; readonly returns: DirectoryLook | undefined };
  readonly close: { readonly asks: { readonly fd: number }; readonly returns: undefined };
}
export type Kind = keyof Operations;

export type Request = {
  readonly [K in Kind]: { readonly kind: K; readonly path: string } & Operations[K]['asks'];
}[Kind];

export interface Order {
  readonly request: Request;
  /**
   * One number, 0 at first, of a request that follows others. Whoever makes it 1 has the request: the thread, which then
   * begins it, or who asked, who then takes it back.
   */
  readonly claim: Int32Array<SharedArrayBuffer> | undefined;
}

/** To drop a hash that it is at; means nothing otherwise. */
export interface Stop {
  readonly kind: 'stop';
}

export type Reply =
  /** Once, before it takes the first request. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly bytes: number }
  /** `tookMs`: from when it was begun. */
  | { readonly kind: 'done'; readonly result: unknown; readonly tookMs: number }
  | { readonly kind: 'failed'; readonly code: SourceErrorCode; readonly message: string };

if (parentPort === null) throw new Error('This file is the body of a worker thread');
const port: MessagePort = parentPort;

port.on('message', (message: Order | Stop) => {
  if ('kind' in message) return;
  const { request, claim } = message;
  if (claim === undefined || Atomics.compareExchange(claim, 0, 0, 1) === 0) reply(answer(request));
});
reply({ kind: 'ready' });

function answer(request: Request): Reply {
  const startedAt = performance.now();
  try {
    const result = carryOut(request);
    return { kind: 'done', result, tookMs: performance.now() - startedAt };
  } catch (error) {
    const known = request.kind !== 'open' || request.expect !== undefined;
    const { code, message } = sourceErrorOf(error, request.path, known);
    return { kind: 'failed', code, message };
  }
}

function carryOut(request: Request): unknown {
  switch (request.kind) {
    case 'open':
      return openFile(request.path, request.roots, request.expect);
    case 'verify':
      return verifyFile(request.path, request.fd, request.version);
    case 'read':
      return readRange(request, request.target, request.offset, request.digest);
    case 'hash': {
      let reportedAt = performance.now();
      return hashFile(request, (bytes) => {
        if (performance.now() - reportedAt >= request.progressMs) {
          reportedAt = performance.now();
          reply({ kind: 'progress', bytes });
        }
        // Nothing else comes while it hashes.
        return receiveMessageOnPort(port) === undefined;
      });
    }
    case 'look':
      return lookAtDirectory(request.path);
    case 'close':
      return closeSync(request.fd);
  }
}

function reply(message: Reply): void {
  port.postMessage(message);
}
