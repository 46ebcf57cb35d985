/**
 * The body of a thread that reads parts and computes their MD5, so that the main thread, which sends them, does
 * neither. Each request is answered by exactly one reply; a slow disk keeps none but its own waiting.
 */
import { createHash } from 'node:crypto';
import { fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { parentPort } from 'node:worker_threads';
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

const readAt = promisify(read);

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

async function fill(target: Uint8Array, fd: number, offset: number): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const { bytesRead } = await readAt(fd, target, filled, target.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

function reply(message: PartReply): void {
  port?.postMessage(message);
}
