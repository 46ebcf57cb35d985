/**
 * The body of a thread that reads parts and computes their MD5, so that the main thread, which sends them, does
 * neither. Each request is answered by exactly one reply; a slow disk keeps none but its own waiting.
 */
import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { fill } from '../source/fill.ts';
import type { FileVersion } from '../source/source.ts';
import { versionOf } from '../source/version.ts';

export interface PartRequest {
  readonly id: number;
  readonly fd: number;
  readonly offset: number;
  /** To be filled; the same memory in both threads. */
  readonly target: Uint8Array<SharedArrayBuffer>;
}

export type PartReply = { readonly id: number } & (
  | {
      readonly kind: 'read';
      /** Fewer than the target takes when the file ended early. */
      readonly bytes: number;
      readonly dataMd5: string;
      /** What the file was after it was read. */
      readonly version: FileVersion;
    }
  | { readonly kind: 'failed'; readonly message: string; readonly code?: string | undefined }
);

const port = parentPort;
if (port === null) throw new Error('This file is the body of a worker thread');

port.on('message', async ({ id, fd, offset, target }: PartRequest) => {
  try {
    const bytes = await fill(target, fd, offset);
    const dataMd5 = createHash('md5').update(target).digest('hex');
    const version = versionOf(fstatSync(fd, { bigint: true }));
    reply({ id, kind: 'read', bytes, dataMd5, version });
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    reply({ id, kind: 'failed', message, code });
  }
});

function reply(message: PartReply): void {
  port?.postMessage(message);
}
