import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { VodTimeouts } from '../../../src/vod/client.ts';
import { QUOTA_HOLD_MS } from '../../../src/vod/wire/service-codes.ts';
import { fullListener } from './full-listener.ts';
import {
  always,
  clientFor,
  failure,
  holdTimers,
  INIT,
  NO_HOST,
  OK,
  part,
  type Responder,
  serve,
  serveRaw,
} from './servers.ts';

const MIB = 1048576;

/** Calls InitUpload against a server that answers like this, and checks that it got one request. */
async function initAgainst(respond: Responder, maxReplyBytes?: number) {
  const server = await serve(respond);
  const client = clientFor(server.endpoint, maxReplyBytes === undefined ? {} : { maxReplyBytes });
  const error = await failure(client.initUpload(INIT));
  await setImmediate();
  expect(server.seen).toHaveLength(1);
  expect(server.connections).toBe(1);
  return error;
}

/** A server that answers with these bytes and then calls `then` with the socket. */
function raw(bytes: string | Buffer, then: (socket: Socket) => void = () => {}) {
  return serveRaw((socket) => {
    socket.once('data', () => {
      socket.write(bytes);
      then(socket);
    });
  });
}

const RETRYABLE = { name: 'VodTransportError', kind: 'retryable', retryable: true };

describe('HTTP responses that are not replies', () => {
  test.each([
    [500, 'http_5xx'],
    [502, 'http_5xx'],
    [503, 'http_5xx'],
    [504, 'http_5xx'],
    [400, 'network'],
    [403, 'network'],
    [404, 'network'],
    [304, 'network'],
  ])('status %i is HTTP_%i, whatever its body says, and not repeated', async (status, reason) => {
    const error = await initAgainst((response) =>
      response.writeHead(status).end(status === 304 ? undefined : OK),
    );
    expect(error).toMatchObject({ ...RETRYABLE, code: `HTTP_${status}`, reason, outcomeUnknown: true });
    expect(error.message).toMatch(
      new RegExp(`^InitUpload got no answer \\(HTTP_${status}\\): HTTP ${status} .*127\\.0\\.0\\.1`),
    );
  });

  test.each([
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': '86400' }, 300_000],
    [{ date: 'Wed, 02 Jan 2030 03:04:05 GMT', 'retry-after': 'Wed, 02 Jan 2030 03:04:45 GMT' }, 40_000],
    [{}, QUOTA_HOLD_MS],
  ])('status 429 with %o is not repeated either, and says how long to wait', async (headers, holdMs) => {
    const error = await initAgainst((response) => response.writeHead(429, headers).end());
    expect(error).toMatchObject({ name: 'VodTransportError', code: 'HTTP_429', kind: 'quota', holdMs });
  });

  test('status 503 with Retry-After says how long to wait', async () => {
    const error = await initAgainst((response) => response.writeHead(503, { 'retry-after': '7' }).end());
    expect(error).toMatchObject({ code: 'HTTP_503', retryAfterMs: 7000 });
  });

  test.each([413, 414, 431])('status %i is permanent: the request is too large', async (status) => {
    const error = await initAgainst((response) => response.writeHead(status).end());
    expect(error).toMatchObject({ code: `HTTP_${status}`, kind: 'permanent', retryable: false });
    expect(error.message).toMatch(/tags/);
  });

  test.each([301, 302, 303, 307, 308])('a redirect (%i) is an error and never followed', async (status) => {
    const elsewhere = await serve(always(OK));
    const location = `http://127.0.0.1:${elsewhere.port}/other?token=t0ken`;
    const error = await initAgainst((response) => response.writeHead(status, { location }).end());
    expect(error).toMatchObject({ ...RETRYABLE, code: 'REDIRECT', reason: 'network', outcomeUnknown: true });
    expect(error.message).toContain(`http://127.0.0.1:${elsewhere.port}/other`);
    expect(error.message).not.toContain('t0ken');
    expect(elsewhere.connections).toBe(0);
  });

  test.each([
    ['HTML', '<html><body>captive portal</body></html>', /captive portal/],
    ['an empty body', '', /empty/],
    ['truncated JSON', '{"code":0,', /not JSON/],
  ])('%s with status 200 is MALFORMED_REPLY', async (_, text, words) => {
    const error = await initAgainst(always(text));
    expect(error).toMatchObject({
      ...RETRYABLE,
      code: 'MALFORMED_REPLY',
      reason: 'network',
      outcomeUnknown: true,
    });
    expect(error.message).toMatch(words);
  });

  test('a compressed reply is read, a badly compressed one is malformed', async () => {
    const gzip =
      (bytes: Buffer): Responder =>
      (response) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(bytes);
    const server = await serve(gzip(gzipSync(OK)));
    expect(await clientFor(server.endpoint).initUpload(INIT)).toEqual({ kind: 'created' });
    const error = await initAgainst(gzip(Buffer.from('no gzip at all')));
    expect(error).toMatchObject({ ...RETRYABLE, code: 'MALFORMED_REPLY' });
  });
});

describe('replies too large', () => {
  test('by Content-Length: fails without waiting for the body', async () => {
    const error = await initAgainst((response) => {
      response.writeHead(200, { 'content-length': '1001' });
      response.write('{');
    }, 1000);
    expect(error).toMatchObject({ ...RETRYABLE, code: 'REPLY_TOO_LARGE', outcomeUnknown: true });
  });

  test('without a length: fails at the limit without waiting for the rest', async () => {
    const closed = Promise.withResolvers<void>();
    const server = await serve((response) => {
      response.once('close', closed.resolve);
      // The rest never comes.
      response.write(Buffer.alloc(100_001, ' '));
    });
    const error = await failure(clientFor(server.endpoint, { maxReplyBytes: 100_000 }).initUpload(INIT));
    expect(error.code).toBe('REPLY_TOO_LARGE');
    await closed.promise;
  });

  test('a small compressed reply that becomes large is stopped', async () => {
    const bomb = gzipSync(Buffer.alloc(4_000_000, ' '));
    expect(bomb.length).toBeLessThan(100_000);
    const error = await initAgainst(
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
      1_000_000,
    );
    expect(error.code).toBe('REPLY_TOO_LARGE');
  });

  test('a reply of exactly the limit is accepted', async () => {
    const server = await serve(always(OK));
    const client = clientFor(server.endpoint, { maxReplyBytes: Buffer.byteLength(OK) });
    expect(await client.initUpload(INIT)).toEqual({ kind: 'created' });
  });
});

describe('network failures', () => {
  test('connection refused: NETWORK, and the request was not sent', async () => {
    const error = await failure(clientFor('http://127.0.0.1:1/v2/index.php').uploadPart(part(10)));
    expect(error).toMatchObject({ ...RETRYABLE, code: 'NETWORK', reason: 'network', outcomeUnknown: false });
    expect(error.message).toMatch(
      /^UploadPart got no answer .*connection refused \(ECONNREFUSED\).*127\.0\.0\.1:1/,
    );
    expect(error.cause).toMatchObject({ name: 'RequestError', code: 'ECONNREFUSED' });
  });

  test('a host that does not exist: NETWORK, and the request was not sent', async () => {
    const error = await failure(clientFor(`http://${NO_HOST}/`).initUpload(INIT));
    expect(error).toMatchObject({ ...RETRYABLE, code: 'NETWORK', outcomeUnknown: false });
    expect(error.message).toMatch(/host name was not resolved \((ENOTFOUND|EAI_AGAIN)\)/);
  });

  test.each([
    ['reset before an answer', (socket: Socket) => socket.resetAndDestroy()],
    ['closed before an answer', (socket: Socket) => socket.end()],
  ])('connection %s: NETWORK, and the outcome is unknown', async (_, end) => {
    const server = await serveRaw((socket) => socket.once('data', () => end(socket)));
    const error = await failure(clientFor(server.endpoint).finishUpload(INIT.fileSha));
    expect(error).toMatchObject({ ...RETRYABLE, code: 'NETWORK', reason: 'network', outcomeUnknown: true });
    expect(server.connections).toBe(1);
  });

  test('connection reset while a part is sent', async () => {
    const server = await serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const error = await failure(clientFor(server.endpoint).uploadPart(part(20_000_000)));
    expect(error).toMatchObject({ ...RETRYABLE, code: 'NETWORK', outcomeUnknown: true });
    expect(server.connections).toBe(1);
  });

  test.each([
    ['by Content-Length', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"code":0}'],
    ['in a chunked body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n{"code":0}\r\n'],
  ])('a reply truncated %s is not accepted, although it looks complete', async (_, bytes) => {
    const server = await raw(bytes, (socket) => socket.end());
    const error = await failure(clientFor(server.endpoint).initUpload(INIT));
    expect(error).toMatchObject({ ...RETRYABLE, outcomeUnknown: true });
    expect(['NETWORK', 'MALFORMED_REPLY']).toContain(error.code);
  });

  test.each([
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a bad header', 'HTTP/1.1 200 OK\r\n\u0001: x\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}'],
  ])('%s: MALFORMED_REPLY', async (_, bytes) => {
    const server = await raw(bytes);
    const error = await failure(clientFor(server.endpoint).initUpload(INIT));
    expect(error).toMatchObject({ ...RETRYABLE, code: 'MALFORMED_REPLY', outcomeUnknown: true });
  });

  test('an answer before the whole part was read counts', async () => {
    const reply = '{"code":-10006,"message":"too big","canRetry":0}';
    const server = await raw(
      `HTTP/1.1 200 OK\r\ncontent-length: ${reply.length}\r\nconnection: close\r\n\r\n${reply}`,
    );
    const error = await failure(clientFor(server.endpoint).uploadPart(part(30_000_000)));
    expect(error).toMatchObject({ name: 'VodError', code: '-10006', retryable: false });
  });
});

describe('time-outs', () => {
  async function timedOut(endpoint: string, timeouts: Partial<VodTimeouts>, bytes = 10) {
    const error = await failure(clientFor(endpoint, { timeouts }).uploadPart(part(bytes)));
    expect(error).toMatchObject({ ...RETRYABLE, code: 'TIMEOUT', reason: 'timeout' });
    return error;
  }

  test('connecting', async () => {
    // A listener with a full queue accepts no connection: the client's SYN is not answered.
    const error = await timedOut(await fullListener(), { connectMs: 20 });
    expect(error.message).toContain('connecting took too long');
    expect(error.outcomeUnknown).toBe(false);
  });

  test('the TLS handshake', async () => {
    const server = await serveRaw(() => {});
    const error = await timedOut(server.endpoint.replace('http:', 'https:'), { secureConnectMs: 20 });
    expect(error.message).toContain('the TLS handshake took too long');
    expect(error.outcomeUnknown).toBe(false);
  });

  test('sending: a peer that stops reading', async () => {
    const server = await serveRaw((socket) => socket.pause());
    const timeouts = { stallMs: 20, minBytesPerSecond: 1e12 };
    const error = await timedOut(server.endpoint, timeouts, 30_000_000);
    expect(error.message).toContain('sending the request took too long');
    expect(error.outcomeUnknown).toBe(true);
  });

  /** A server that lets time pass before it answers. */
  async function slowServer(answerMs: () => number) {
    holdTimers();
    return await serve((response) => {
      vi.advanceTimersByTime(answerMs());
      response.end(OK);
    });
  }

  test('waiting for the reply', async () => {
    const server = await slowServer(() => 60);
    const error = await timedOut(server.endpoint, { responseMs: 50 });
    expect(error.congested).toBe(false);
    expect(error.message).toContain('waiting for the reply took too long');
    expect(error.outcomeUnknown).toBe(true);
    expect(server.seen).toHaveLength(1);
  });

  test('waiting for the reply while others are answered: congested, not an outage', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { promise: held, resolve: hold } = Promise.withResolvers<void>();
    const server = await serve((response, { method }) => {
      if (method === 'POST') hold();
      else response.end(OK);
    });
    const client = clientFor(server.endpoint);
    const waiting = failure(client.uploadPart(part(MIB)));
    await held;
    vi.advanceTimersByTime(1000);
    await client.initUpload(INIT);
    vi.advanceTimersByTime(300_000);
    const error = await waiting;
    expect(error).toMatchObject({ ...RETRYABLE, code: 'TIMEOUT', congested: true });
    expect(error.message).toMatch(
      /waiting for the reply took too long, although data was moving; .*PART_CONC/,
    );
  });

  test('reading the reply', async () => {
    holdTimers();
    const server = await serve((response) => response.writeHead(200).write('{'));
    const begun = Promise.withResolvers<unknown>();
    subscribe('http.client.response.finish', begun.resolve);
    const failed = timedOut(server.endpoint, { responseMs: 50 });
    await begun.promise;
    unsubscribe('http.client.response.finish', begun.resolve);
    vi.advanceTimersByTime(60);
    const error = await failed;
    expect(error.message).toContain('reading the reply took too long');
    expect(error.outcomeUnknown).toBe(true);
  });

  test('a larger part has more time', async () => {
    let answerMs = 1040;
    const server = await slowServer(() => answerMs);
    const client = clientFor(server.endpoint, { timeouts: { responseMs: 50, minBytesPerSecond: 100_000 } });
    await client.uploadPart(part(100_000));
    expect((await failure(client.uploadPart(part(10)))).code).toBe('TIMEOUT');
    answerMs = 1060;
    expect((await failure(client.uploadPart(part(100_000)))).code).toBe('TIMEOUT');
  });

  test('no timer remains when the call succeeds', async () => {
    holdTimers();
    const timers: number[] = [];
    const server = await serve((response) => {
      timers.push(vi.getTimerCount());
      response.end(OK);
    });
    await clientFor(server.endpoint).uploadPart(part(1000));
    expect(timers[0]).toBeGreaterThan(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
