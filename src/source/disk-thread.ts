/*
 * Body of a pool thread: carries out file operations, one at a time.
 */
import { closeSync } from 'node:fs';
import { type MessagePort, parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { directoryState } from './directory-state.ts';
import { sourceErrorOf } from './errors.ts';
import { openFile, verifyFile } from './open-file.ts';
import { digestOf, hashFile, isLoaded, loadCrc64, readRange } from './read-file.ts';
import {
  type Reply,
  type Request,
  type RequestMessage,
  type StopMessage,
  setStartFlag,
} from './thread-protocol.ts';

if (parentPort === null) throw new Error('This file is the body of a worker thread');
const port: MessagePort = parentPort;

/** Set once a request has needed the code of a digest that is loaded then. Requests are answered in their order. */
let loading: Promise<void> | undefined;

port.on('message', (message: RequestMessage | StopMessage) => {
  if ('kind' in message) return;
  const { request } = message;
  if (loading === undefined && request.kind === 'read' && !isLoaded(request.digest)) loading = loadCrc64();
  if (loading === undefined) answer(message);
  else loading = loading.then(() => answer(message));
});
reply({ kind: 'ready' });

function answer({ request, startFlag }: RequestMessage): void {
  if (startFlag === undefined || setStartFlag(startFlag)) reply(replyTo(request));
}

function replyTo(request: Request): Reply {
  const startedAt = performance.now();
  try {
    const result = run(request);
    if (request.kind !== 'read') return { kind: 'done', result };
    const diskMs = performance.now() - startedAt;
    const digest = digestOf(request.target, request.digest);
    const digestMs = performance.now() - startedAt - diskMs;
    // Without a free CPU a read takes long as well, but the digest longer.
    return { kind: 'done', result: digest, diskMs: diskMs - digestMs };
  } catch (error) {
    const existed = request.kind !== 'open' || request.expect !== undefined;
    const { code, message } = sourceErrorOf(error, request.path, existed);
    return { kind: 'failed', code, message };
  }
}

function run(request: Request): unknown {
  switch (request.kind) {
    case 'open':
      return openFile(request.path, request.roots, request.expect);
    case 'verify':
      return verifyFile(request.path, request.fd, request.version);
    case 'read':
      return readRange(request, request.target, request.offset);
    case 'hash':
      return hash(request);
    case 'directoryState':
      return directoryState(request.path);
    case 'close':
      return closeSync(request.fd);
  }
}

function hash(request: Request & { readonly kind: 'hash' }): string | undefined {
  let reportedAt = performance.now();
  return hashFile(request, (bytes) => {
    if (performance.now() - reportedAt >= request.progressMs) {
      reportedAt = performance.now();
      reply({ kind: 'progress', bytes });
    }
    // Only a StopMessage can arrive during a hash: threads that hash get one request at a time.
    return receiveMessageOnPort(port) === undefined;
  });
}

function reply(message: Reply): void {
  port.postMessage(message);
}
