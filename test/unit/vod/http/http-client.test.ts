import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createHttpClient, type HttpRequest } from '../../../../src/vod/http/http-client.ts';
import type { StreamedBody } from '../../../../src/vod/http/streamed-body.ts';
import { Throttle } from '../../../../src/vod/http/throttle.ts';
import { DEFAULT_TIMEOUTS, type VodTimeouts } from '../../../../src/vod/http/timeouts.ts';
import { always, failure, holdTimers, type Responder, serve, serveRaw } from '../servers.ts';

const MIB = 1024 * 1024;

function clientWith(options: { timeouts?: Partial<VodTimeouts>; throttle?: Throttle } = {}) {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const client = createHttpClient({ connections: 1, maxReplyBytes: 10_000, ...options, timeouts });
  onTestFinished(() => client.close());
  return client;
}

function request(port: number, fields: Partial<HttpRequest> = {}): HttpRequest {
  return {
    action: 'UploadPart',
    method: 'PUT',
    url: new URL(`http://127.0.0.1:${port}/key?partNumber=1`),
    signal: undefined,
    redact: (text) => text,
    ...fields,
  };
}

/** A body of these pieces. */
function streamed(pieces: readonly Uint8Array[], byteLength?: number): StreamedBody {
  return {
    byteLength: byteLength ?? pieces.reduce((sum, piece) => sum + piece.length, 0),
    async *pieces() {
      yield* pieces;
    },
  };
}

describe('requests', () => {
  test.each(['GET', 'HEAD', 'DELETE'] as const)('%s has no body', async (method) => {
    const server = await serve(always(''));
    await clientWith().send(request(server.port, { method }));
    expect(server.seen).toMatchObject([{ method, url: '/key?partNumber=1', body: Buffer.alloc(0) }]);
    expect(server.seen[0]?.headers).not.toHaveProperty('content-length');
    expect(server.seen[0]?.headers).not.toHaveProperty('transfer-encoding');
  });

  test.each(['PUT', 'POST'] as const)('%s sends bytes, an empty body, and its headers', async (method) => {
    const server = await serve(always(''));
    const client = clientWith();
    await client.send(request(server.port, { method, body: Buffer.from('abc'), headers: { 'x-one': '1' } }));
    await client.send(request(server.port, { method, body: Buffer.alloc(0) }));
    expect(server.seen).toMatchObject([
      { method, headers: { 'content-length': '3', 'x-one': '1' }, body: Buffer.from('abc') },
      { method, headers: { 'content-length': '0' }, body: Buffer.alloc(0) },
    ]);
  });

  test('HEAD reads the size of an object that is larger than a reply may be', async () => {
    const server = await serve((response) =>
      response.writeHead(200, { 'content-length': String(5 * 1024 * MIB), etag: '"a"' }).end(),
    );
    const client = clientWith();
    for (let round = 0; round < 2; round++) {
      const { status, headers, text } = await client.send(request(server.port, { method: 'HEAD' }));
      expect({ status, text }).toEqual({ status: 200, text: '' });
      expect(headers).toMatchObject({ 'content-length': '5368709120', etag: '"a"' });
    }
  });

  test('a status is an answer only if the request says so; a redirect too', async () => {
    const server = await serve((response) => response.writeHead(404).end('<Error/>'));
    const client = clientWith();
    const reply = await client.send(
      request(server.port, { method: 'GET', isAnswer: (code) => code === 404 }),
    );
    expect(reply).toMatchObject({ status: 404, text: '<Error/>' });
    expect(await failure(client.send(request(server.port, { method: 'GET' })))).toMatchObject({
      code: 'HTTP_404',
    });
    expect(
      await failure(client.send(request(server.port, { method: 'GET', isAnswer: (code) => code === 500 }))),
    ).toMatchObject({ code: 'HTTP_404' });
  });

  test.each([
    ['no more than other replies', undefined, 'TIMEOUT'],
    ['longer if the request says so', 1000, undefined],
  ])('a reply may take %s from its first byte to the last', async (_, readMs, code) => {
    holdTimers();
    const late = Promise.withResolvers<void>();
    const server = await serve(async (response) => {
      response.writeHead(200).write(' ');
      await late.promise;
      response.end('<Done/>');
    });
    const begun = Promise.withResolvers<unknown>();
    subscribe('http.client.response.finish', begun.resolve);
    const client = clientWith({ timeouts: { responseMs: 50 } });
    const options = { method: 'POST', body: Buffer.from('x'), ...(readMs && { readMs }) } as const;
    const sent = client.send(request(server.port, options));
    const failed = code === undefined ? undefined : failure(sent);
    await begun.promise;
    unsubscribe('http.client.response.finish', begun.resolve);
    vi.advanceTimersByTime(60);
    if (failed === undefined) {
      late.resolve();
      expect((await sent).text).toBe(' <Done/>');
    } else expect(await failed).toMatchObject({ code });
  });
});

describe('a streamed body', () => {
  test('is sent with its length, in order, whatever its pieces', async () => {
    const server = await serve(always('done'));
    const pieces = [MIB, 1, 0, 70_000, MIB].map((size, index) => Buffer.alloc(size, index + 1));
    const reply = await clientWith().send(request(server.port, { body: streamed(pieces) }));
    expect(reply.text).toBe('done');
    const [seen] = server.seen;
    expect(seen?.headers).toMatchObject({ 'content-length': String(2 * MIB + 70_001) });
    expect(seen?.headers).not.toHaveProperty('transfer-encoding');
    expect(seen?.body.equals(Buffer.concat(pieces))).toBe(true);
  });

  test('of no bytes is an empty body', async () => {
    const server = await serve(always('done'));
    await clientWith().send(request(server.port, { body: streamed([]) }));
    expect(server.seen).toMatchObject([{ headers: { 'content-length': '0' } }]);
  });

  test('is read no faster than the connection accepts it', async () => {
    const server = await serveRaw((socket) => socket.pause());
    const abort = new AbortController();
    let read = 0;
    const body: StreamedBody = {
      byteLength: 1024 * MIB,
      async *pieces() {
        for (; read < 1024; read++) yield Buffer.alloc(MIB);
      },
    };
    const sent = failure(clientWith().send(request(server.port, { body, signal: abort.signal })));
    // A bandwidth of nothing: only the buffers of the operating system fill.
    await vi.waitFor(() => expect(read).toBeGreaterThan(0));
    let before = -1;
    await vi.waitFor(() => {
      const stopped = before === read;
      before = read;
      expect(stopped).toBe(true);
    });
    abort.abort();
    expect(await sent).toMatchObject({ code: 'ABORTED' });
    expect(read).toBeLessThan(64);
  });

  test('waits for its source without a time-out, before the first byte and later', async () => {
    holdTimers();
    const server = await serve(always('done'));
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let waiting = 0;
    const body: StreamedBody = {
      byteLength: 2000,
      async *pieces() {
        for (const { promise } of gates) {
          waiting += 1;
          await promise;
          yield Buffer.alloc(1000);
        }
      },
    };
    const sent = clientWith().send(request(server.port, { body }));
    for (const [index, { resolve }] of gates.entries()) {
      await vi.waitFor(() => expect(waiting).toBe(index + 1));
      // There is a connection, and nothing else to wait for.
      await vi.waitFor(() => expect(server.connections).toBe(1));
      await vi.waitFor(() => expect(vi.getTimerCount()).toBe(0));
      vi.advanceTimersByTime(24 * 3_600_000);
      resolve();
    }
    expect((await sent).text).toBe('done');
  });

  test('counts against the bandwidth limit piece by piece', async () => {
    const server = await serve(always('done'));
    const throttle = new Throttle(100 * MIB);
    const take = vi.spyOn(throttle, 'take');
    const body = streamed([Buffer.alloc(100_000), Buffer.alloc(30_000)]);
    await clientWith({ throttle }).send(request(server.port, { body }));
    expect(take.mock.calls.map(([bytes]) => bytes)).toEqual([65_536, 34_464, 30_000]);
  });

  /** A server that answers nothing and reports when a connection has closed. */
  async function silentServer() {
    const closed = Promise.withResolvers<void>();
    const server = await serveRaw((socket) => socket.resume().once('close', () => closed.resolve()));
    return { port: server.port, closed: closed.promise };
  }

  test.each([0, 1])(
    'whose source fails after %i pieces: the same error, and the request ends',
    async (good) => {
      const { port, closed } = await silentServer();
      const error = new TypeError('the disk failed');
      const body: StreamedBody = {
        byteLength: 5000,
        async *pieces() {
          for (let index = 0; index < good; index++) yield Buffer.alloc(1000);
          throw error;
        },
      };
      await expect(clientWith().send(request(port, { body }))).rejects.toBe(error);
      // Before the first piece nothing was sent, and the connection can be used again.
      if (good > 0) await closed;
    },
  );

  test.each([
    ['fewer', 999, 'has only 999'],
    ['more', 1001, 'has more'],
  ])('of %s bytes than it says is not sent as if it were complete', async (_, bytes, words) => {
    const { port, closed } = await silentServer();
    const body = streamed([Buffer.alloc(500), Buffer.alloc(bytes - 500)], 1000);
    const sent = clientWith().send(request(port, { body }));
    await expect(sent).rejects.toMatchObject({
      code: 'BODY_LENGTH',
      message: `the body should have 1000 bytes, but ${words}`,
    });
    await closed;
  });

  /** A source that gives one piece and then waits until it is no longer needed. */
  function endless(ended: () => void, waits?: () => void): StreamedBody {
    return {
      byteLength: 5000,
      async *pieces(signal) {
        yield Buffer.alloc(1000);
        const aborted = once(signal, 'abort');
        waits?.();
        await aborted;
        ended();
        signal.throwIfAborted();
      },
    };
  }

  test.each<[string, Responder | 'reset', object]>([
    ['refused early', (response) => response.writeHead(403).end('no'), { status: 403, text: 'no' }],
    ['reset', 'reset', { code: 'NETWORK' }],
  ])('that is %s is read no further: its signal aborts', async (_, answer, expected) => {
    const ended = Promise.withResolvers<void>();
    const server = await serveRaw((socket) => {
      socket.on('data', (bytes) => {
        if (!bytes.includes('PUT')) return;
        if (answer === 'reset') socket.resetAndDestroy();
        else socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno');
      });
      socket.once('close', closed.resolve);
    });
    const closed = Promise.withResolvers<unknown>();
    const sent = clientWith().send(
      request(server.port, { body: endless(ended.resolve), isAnswer: (status) => status === 403 }),
    );
    if (answer === 'reset') expect(await failure(sent)).toMatchObject(expected);
    else expect(await sent).toMatchObject(expected);
    await ended.promise;
    // Half of a body was sent: no other request may use this connection.
    await closed.promise;
  });

  test('that the caller aborts ends as ABORTED, and its source is told', async () => {
    const { port } = await silentServer();
    const ended = Promise.withResolvers<void>();
    const abort = new AbortController();
    const body = endless(ended.resolve, () => abort.abort());
    expect(await failure(clientWith().send(request(port, { body, signal: abort.signal })))).toMatchObject({
      code: 'ABORTED',
    });
    await ended.promise;
  });
});
