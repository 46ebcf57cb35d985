import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as requestOf } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Certificates } from './certificates.ts';

/** An HTTP proxy that answers CONNECT itself: it ends TLS with its own certificate. */
export interface TlsProxy {
  readonly url: string;
  /** Hosts of the requests, in order. */
  readonly hosts: readonly string[];
}

/**
 * Forwards every request to `origin`, with its headers as they are. So clients that only speak to their vendor's hosts by
 * HTTPS reach another server without a change in them.
 */
export async function startTlsProxy(origin: string, certificates: Certificates): Promise<TlsProxy> {
  const { hostname, port } = new URL(origin);
  const hosts: string[] = [];
  const keys = { key: readFileSync(certificates.keyFile), cert: readFileSync(certificates.certFile) };
  const tls = createTlsServer(keys, (request, response) => {
    const { method, url: path, headers } = request;
    hosts.push(headers.host ?? '');
    const forwarded = requestOf({ hostname, port, method, path, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on('error', () => response.destroy());
    request.pipe(forwarded);
  });
  const proxy = createServer();
  proxy.on('connect', (_, socket) => {
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    tls.emit('connection', socket);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    tls.closeAllConnections();
    proxy.closeAllConnections();
    proxy.close();
  });
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, hosts };
}
