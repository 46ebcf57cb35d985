import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { onTestFinished, vi } from 'vitest';
import { createVodClient, type VodClient, type VodClientOptions } from '../../../src/vod/client.ts';
import type { InitRequest, PartRequest } from '../../../src/vod/wire/protocol.ts';
import { VodError } from '../../../src/vod/wire/vod-error.ts';

export const CREDENTIALS = {
  secretId: 'AKIDplantedSecretIdPlantedSecretId00',
  secretKey: 'plantedSecretKey/+=plantedSecretKey0',
};

export const INIT: InitRequest = {
  fileName: 'launch',
  fileSha: '0123456789abcdef0123456789abcdef01234567',
  fileSize: 6_000_000,
  dataSize: 1048576,
  fileType: 'mp4',
};

export function part(bytes: number): PartRequest {
  return { fileSha: INIT.fileSha, offset: 1048576, dataMd5: 'f'.repeat(32), body: Buffer.alloc(bytes, 7) };
}

/** A request that a server received. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly params: Record<string, string>;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TestServer {
  /** The endpoint for a client. */
  readonly endpoint: string;
  readonly port: number;
  readonly seen: Seen[];
  /** Number of connections. */
  connections: number;
}

export type Responder = (response: http.ServerResponse, seen: Seen) => void;

/** Fakes timers until the test ends: time-outs pass only by `vi.advanceTimersByTime`. */
export function holdTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Its first label is longer than DNS allows, so no server is queried. */
export const NO_HOST = `${'x'.repeat(64)}.invalid`;

async function listen<T extends net.Server>(server: T): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  );
  return (server.address() as AddressInfo).port;
}

/** A real HTTP server that reads and records each request and answers with `respond`; over TLS with `tls`. */
export async function serve(respond: Responder, tls?: { key: string; cert: string }): Promise<TestServer> {
  const seen: Seen[] = [];
  const onRequest: http.RequestListener = async (request, response) => {
    const parts: Buffer[] = [];
    try {
      for await (const bytes of request) parts.push(bytes as Buffer);
    } catch {
      return;
    }
    const url = new URL(request.url ?? '', 'http://any');
    const one: Seen = {
      method: request.method ?? '',
      url: request.url ?? '',
      path: url.pathname,
      params: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: Buffer.concat(parts),
    };
    seen.push(one);
    respond(response, one);
  };
  const server = tls === undefined ? http.createServer(onRequest) : https.createServer(tls, onRequest);
  // Idle connections stay open.
  server.keepAliveTimeout = 0;
  const port = await listen(server);
  const scheme = tls === undefined ? 'http' : 'https';
  const test = { endpoint: `${scheme}://127.0.0.1:${port}/v2/index.php`, port, seen, connections: 0 };
  server.on(tls === undefined ? 'connection' : 'secureConnection', () => {
    test.connections += 1;
  });
  return test;
}

/** A TCP server that calls `onSocket` with each connection. */
export async function serveRaw(onSocket: (socket: net.Socket) => void): Promise<TestServer> {
  const server = net.createServer(onSocket);
  const port = await listen(server);
  const test = { endpoint: `http://127.0.0.1:${port}/v2/index.php`, port, seen: [], connections: 0 };
  server.on('connection', () => {
    test.connections += 1;
  });
  return test;
}

/** A forward proxy: absolute URLs for http, CONNECT for https. `targets` lists its requests. */
export async function serveProxy(accept = true): Promise<{ url: string; targets: string[] }> {
  const targets: string[] = [];
  const server = http.createServer((request, response) => {
    targets.push(request.url ?? '');
    const { method, headers } = request;
    const onward = http.request(request.url ?? '', {
      ...(method === undefined ? {} : { method }),
      headers,
      agent: false,
    });
    onward.on('response', (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', (request, socket, head) => {
    targets.push(`CONNECT ${request.url}`);
    if (!accept) {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    const [host, port] = (request.url ?? '').split(':');
    const onward = net.connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  return { url: `http://127.0.0.1:${await listen(server)}`, targets };
}

/** A client that is closed at the end of the test. */
export function clientFor(endpoint: string, options: Partial<VodClientOptions> = {}): VodClient {
  const client = createVodClient({ endpoint, credentials: CREDENTIALS, ...options });
  onTestFinished(() => client.close());
  return client;
}

/** The VodError of a call that must fail; any other error fails the test. */
export async function failure(call: Promise<unknown>): Promise<VodError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof VodError) return error;
    throw error;
  }
  throw new Error('the call succeeded');
}

export const OK = '{"code":0,"message":"","codeDesc":"Success"}';
export const DONE = '{"code":0,"fileId":"5285890784246869930","url":"http://example.com/f0.mp4"}';

/** Answers every request with this text and status 200. */
export function always(text: string): Responder {
  return (response) => response.end(text);
}
