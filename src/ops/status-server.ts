import { createServer } from 'node:http';
import type { UploaderError } from '../base/errors.ts';
import { closeServer, listen } from './listen.ts';
import { STATUS_PATHS, type StatusSources, statusReply } from './status.ts';

export interface StatusServer {
  /** `http://host:port` */
  readonly url: string;
  close(): Promise<void>;
}

/** The port of a worker's metrics and health, unless METRICS_PORT says otherwise. */
const USUAL_PORT = 9322;

/**
 * Serves a worker's `/metrics`, `/healthz` and `/readyz`, and nothing else. There is no authentication: nothing in
 * them is secret.
 * @param options.port absent = the usual one or, when another worker of this machine has that, any free one
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
    if (path === undefined) return reply(404, `not found: there are ${STATUS_PATHS.join(', ')}\n`);
    const { status, body, contentType } = await statusReply(path, options);
    reply(status, body, contentType);
  });
  const place = { host: options.host, portVariable: 'METRICS_PORT', hostVariable: 'METRICS_HOST' };
  const url = await listen(server, { ...place, port: options.port ?? USUAL_PORT }).catch((error) => {
    const spoken = options.port !== undefined || (error as UploaderError).code !== 'PORT_TAKEN';
    if (spoken) throw error;
    return listen(server, { ...place, port: 0 });
  });
  return { url, close: () => closeServer(server) };
}
