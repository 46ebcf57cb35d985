/**
 * The body of a hashing thread: one file at a time, from a descriptor that the main thread has opened and checked.
 * Each `hash` is answered by any number of `progress` and then by exactly one other reply.
 */
import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { fill } from '../source/fill.ts';

export type ThreadRequest =
  /** `size`: bytes that the file must have. `progressMs`: at least so long between two `progress`. */
  | { readonly kind: 'hash'; readonly fd: number; readonly size: number; readonly progressMs: number }
  /** Drop the current file; means nothing when there is none. */
  | { readonly kind: 'stop' };

export type ThreadReply =
  | { readonly kind: 'progress'; readonly bytesHashed: number }
  | { readonly kind: 'hashed'; readonly fileSha: string }
  | { readonly kind: 'stopped' }
  /** The file ended after `end` bytes, before its size. */
  | { readonly kind: 'short'; readonly end: number }
  | { readonly kind: 'failed'; readonly message: string; readonly code?: string | undefined };

type HashRequest = Extract<ThreadRequest, { kind: 'hash' }>;

const BUFFER_BYTES = 1024 * 1024;

const port = parentPort;
if (port === null) throw new Error('This file is the body of a worker thread');

let reading = Buffer.allocUnsafeSlow(BUFFER_BYTES);
let hashing = Buffer.allocUnsafeSlow(BUFFER_BYTES);
let stopped = false;

port.on('message', async (request: ThreadRequest) => {
  if (request.kind === 'stop') {
    stopped = true;
    return;
  }
  stopped = false;
  reply(await hashFile(request).catch(failed));
});

/**
 * Hashes one buffer while the next range is read into the other. Only one read is ever under way: it runs on the
 * process's few pool threads, which DNS and the reading of parts need too.
 */
async function hashFile({ fd, size, progressMs }: HashRequest): Promise<ThreadReply> {
  const sha1 = createHash('sha1');
  let reportedAt = performance.now();
  let bytesHashed = 0;
  let filling = readAhead(fd, 0, size);
  while (bytesHashed < size) {
    const bytes = await filling;
    if (stopped) return { kind: 'stopped' };
    const end = bytesHashed + bytes;
    if (bytes < Math.min(BUFFER_BYTES, size - bytesHashed)) return { kind: 'short', end };
    [hashing, reading] = [reading, hashing];
    if (end < size) filling = readAhead(fd, end, size);
    sha1.update(hashing.subarray(0, bytes));
    bytesHashed = end;
    // All of them are told by the reply.
    if (end < size && performance.now() - reportedAt >= progressMs) {
      reportedAt = performance.now();
      reply({ kind: 'progress', bytesHashed });
    }
  }
  return { kind: 'hashed', fileSha: sha1.digest('hex') };
}

/** Fills `reading` from `offset` on, up to the file's size; returns the bytes, fewer than wanted at an early end. */
function readAhead(fd: number, offset: number, size: number): Promise<number> {
  return fill(reading.subarray(0, size - offset), fd, offset);
}

function failed(error: NodeJS.ErrnoException): ThreadReply {
  return { kind: 'failed', message: error.message, code: error.code };
}

function reply(message: ThreadReply): void {
  port?.postMessage(message);
}
