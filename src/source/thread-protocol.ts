/*
 * Messages between a pool thread and its body (disk-thread.ts). The thread first sends `ready`. It answers requests one at
 * a time, each with any number of `progress` and then one `done` or `failed`; it does not answer requests that were
 * withdrawn.
 */
import type { DirectoryState } from './directory-state.ts';
import type { SourceErrorCode } from './errors.ts';
import type { OpenedFile } from './open-file.ts';
import type { Digest, FileVersion } from './source.ts';

/** Arguments and results of the operations, by kind. */
export interface Operations {
  readonly open: {
    readonly args: { readonly roots: readonly string[]; readonly expect: FileVersion | undefined };
    readonly result: OpenedFile;
  };
  readonly verify: { readonly args: OpenedFile; readonly result: undefined };
  readonly read: {
    readonly args: OpenedFile & {
      /** To be filled; memory that both threads share. */
      readonly target: Uint8Array<SharedArrayBuffer>;
      readonly offset: number;
      readonly digest: Digest;
    };
    readonly result: string;
  };
  /** Sends `progress` with the bytes hashed so far, at most every `progressMs`. */
  readonly hash: {
    readonly args: { readonly fd: number; readonly size: number; readonly progressMs: number };
    readonly result: string | undefined;
  };
  readonly directoryState: { readonly args: object; readonly result: DirectoryState | undefined };
  readonly close: { readonly args: { readonly fd: number }; readonly result: undefined };
}
export type Kind = keyof Operations;

export type Request = {
  readonly [K in Kind]: { readonly kind: K; readonly path: string } & Operations[K]['args'];
}[Kind];

/** 0 until the thread starts the request, or the pool withdraws it: whichever sets it to 1 first. */
export type StartFlag = Int32Array<SharedArrayBuffer>;

/** @returns whether this call set the flag */
export function setStartFlag(flag: StartFlag): boolean {
  return Atomics.compareExchange(flag, 0, 0, 1) === 0;
}

export interface RequestMessage {
  readonly request: Request;
  /** Undefined if the thread is idle: it starts the request at once. */
  readonly startFlag: StartFlag | undefined;
}

/** Stops a running hash; has no effect on other operations. */
export interface StopMessage {
  readonly kind: 'stop';
}

export type Reply =
  /** Once, before the first request. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly bytes: number }
  /** `diskMs`: of a read, how much longer the disk took than the digest. Other operations may also load code. */
  | { readonly kind: 'done'; readonly result: unknown; readonly diskMs?: number }
  | { readonly kind: 'failed'; readonly code: SourceErrorCode; readonly message: string };
