import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { UploaderError } from '../errors.ts';

export interface OpsServer {
  /** `http://host:port` */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/metrics`, `/healthz` (the event loop answers; nothing else is asked) and `/readyz` (503 while `ready` says
 * what is missing).
 * @throws {UploaderError} when the port is taken.
 */
export async function startOpsServer(options: {
  readonly port: number;
  readonly host?: string;
  readonly registry: Registry;
  /** What keeps the worker from being ready, in words; undefined when nothing does. */
  readonly unready: () => string | undefined;
}): Promise<OpsServer> {
  const { registry, unready, port, host = '0.0.0.0' } = options;
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0];
    const reply = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type }).end(body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply(405, 'GET only\n');
    if (path === '/healthz') return reply(200, 'ok\n');
    if (path === '/readyz') {
      const reason = unready();
      return reply(reason === undefined ? 200 : 503, `${reason ?? 'ready'}\n`);
    }
    if (path === '/metrics') return reply(200, await registry.metrics(), registry.contentType);
    reply(404, 'not found: there are /metrics, /healthz and /readyz\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new UploaderError(
          'PORT',
          `can't listen on ${host}:${port} (${error.code}): set METRICS_PORT to another port`,
          {
            cause: error,
          },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
