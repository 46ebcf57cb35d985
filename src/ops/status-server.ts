import { createServer } from 'node:http';
import type { UploaderError } from '../base/errors.ts';
import { closeServer, listen } from './listen.ts';
import { STATUS_PATHS, type StatusSources, statusReply } from './status.ts';

export interface StatusServer {
  /** `http://host:port` */
  readonly url: string;
  close(): Promise<void>;
}

/** Used when METRICS_PORT is not set. */
const DEFAULT_PORT = 9322;

/**
 * Serves a worker's `/metrics`, `/healthz` and `/readyz`, and nothing else. There is no authentication: they contain no
 * secrets.
 * @param options.port absent = 9322, or any free port when that is taken (by another worker on this machine)
 * @throws {UploaderError} when the port is taken
 */
export async function startStatusServer(
  options: StatusSources & { readonly host: string; readonly port?: number },
): Promise<StatusServer> {
  const server = createServer(async (request, response) => {
    const reply = (status: number, body: string, contentType = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': contentType }).end(body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply(405, 'GET only\n');
    const path = STATUS_PATHS.find((known) => known === request.url?.split('?')[0]);
    if (path === undefined) return reply(404, `not found: available paths are ${STATUS_PATHS.join(', ')}\n`);
    const { status, body, contentType } = await statusReply(path, options);
    reply(status, body, contentType);
  });
  const address = { host: options.host, portVariable: 'METRICS_PORT', hostVariable: 'METRICS_HOST' };
  const url = await listen(server, { ...address, port: options.port ?? DEFAULT_PORT }).catch((error) => {
    if (options.port !== undefined || (error as UploaderError).code !== 'PORT_TAKEN') throw error;
    return listen(server, { ...address, port: 0 });
  });
  return { url, close: () => closeServer(server) };
}
