/**
 * A minimal VOD of both APIs in its own process: reads every byte, checks and stores nothing, and answers after a latency
 * in milliseconds (first argument), and not before a line of so many bytes per second (second argument) would have brought
 * all parts so far.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BodyCrc64, cosActionOf, replyOfCos, replyOfVod, type SinkReply } from './sink-api3.ts';

/** Counts since the last reset. Times are in ms since 1970. */
export interface SinkStats {
  parts: number;
  bytes: number;
  /** Arrival of the first part's headers. */
  firstAt: number;
  /** Time of the last reply to a part. */
  lastAt: number;
  /** Arrival of each request's headers, in order, by action. */
  receivedAt: Record<string, number[]>;
}

const LATENCY_MS = Number(process.argv[2] ?? 0);
const BYTES_PER_MS = Number(process.argv[3] ?? Number.POSITIVE_INFINITY) / 1000;
const OK = '{"code":0,"message":""}';
const DONE = '{"code":0,"message":"","fileId":"14508071098244929440","url":"http://127.0.0.1/video.mp4"}';

const nothing = (): SinkStats => ({ parts: 0, bytes: 0, firstAt: 0, lastAt: 0, receivedAt: {} });
let stats = nothing();
/** When the line has brought all parts that have arrived so far; monotonic, in ms. */
let lineFreeAt = 0;

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const { method, url = '', headers } = request;
  const cosAction = cosActionOf(request);
  const header = headers['x-tc-action'];
  const action = cosAction ?? (typeof header === 'string' ? header : /[?&]Action=(\w+)/.exec(url)?.[1]);
  if (action === undefined) {
    response.end(JSON.stringify(stats));
    if (method === 'DELETE') stats = nothing();
    return;
  }
  stats.receivedAt[action] ??= [];
  stats.receivedAt[action].push(Date.now());
  if (action === 'UploadPart' || action === 'PutObject') receivePart(request, response, cosAction);
  else if (cosAction !== undefined) answer(response, replyOfCos(cosAction, url, { size: 0, crc64: 0n }));
  else answer(response, replyOfVod(action) ?? { body: action === 'FinishUpload' ? DONE : OK });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on ${(server.address() as AddressInfo).port}\n`);
});

function receivePart(
  request: IncomingMessage,
  response: ServerResponse,
  cosAction: string | undefined,
): void {
  stats.firstAt ||= Date.now();
  const crc64 = cosAction === undefined ? undefined : new BodyCrc64();
  let bytes = 0;
  request.on('data', (data: Buffer) => {
    bytes += data.length;
    crc64?.update(data);
  });
  request.on('end', () => {
    const arrivedAt = performance.now();
    lineFreeAt = Math.max(lineFreeAt, arrivedAt) + bytes / BYTES_PER_MS;
    const reply =
      cosAction === undefined || crc64 === undefined
        ? { body: OK }
        : replyOfCos(cosAction, request.url ?? '', { size: bytes, crc64: crc64.digest() });
    answer(response, reply, { delayMs: lineFreeAt - arrivedAt, onAnswer: () => count(bytes) });
  });
}

function count(bytes: number): void {
  stats.parts++;
  stats.bytes += bytes;
  stats.lastAt = Date.now();
}

function answer(
  response: ServerResponse,
  { headers = {}, body }: SinkReply,
  { delayMs = 0, onAnswer = () => {} }: { delayMs?: number; onAnswer?: () => void } = {},
): void {
  const send = (): void => {
    onAnswer();
    response.writeHead(200, { 'content-length': body.length, ...headers });
    response.end(body);
  };
  if (LATENCY_MS + delayMs > 0) setTimeout(send, LATENCY_MS + delayMs);
  else send();
}
