/**
 * A local emulator of VOD for development, demos and tests: implements the server-upload protocol v2, API 3.0 and the
 * part of COS that uploads need, all on one port; stores videos on disk, and injects faults on request. It shares no
 * logic with the client.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { API_PATHS, serveApi } from './api.ts';
import { isApi3, serveApi3 } from './api3.ts';
import { BUCKET } from './bucket.ts';
import type { EmulatorControl } from './control/control.ts';
import { createControlServer } from './control/endpoint.ts';
import { serveCos } from './cos.ts';
import { createContext, type ServerContext } from './create-context.ts';
import { createControl } from './create-control.ts';
import { closeServer, listen } from './http/listen.ts';
import { servePlayback } from './http/playback.ts';
import { sendJson } from './http/send.ts';
import type { EmulatorOptions } from './options.ts';
import { parseCosTarget } from './protocol/cos-request.ts';

export type { Fault } from './control/fault-schema.ts';
export type { EmulatorOptions } from './options.ts';

export interface Emulator {
  /** The endpoint of v2: `http://127.0.0.1:1234/v2/index.php`. */
  readonly url: string;
  /** The endpoint of API 3.0: `http://127.0.0.1:1234/`. */
  readonly api3Url: string;
  /** The endpoint of COS, with a placeholder for the bucket's name: `http://127.0.0.1:1234/{bucket}`. */
  readonly cosUrl: string;
  /** Origin of the control endpoint. */
  readonly controlUrl: string;
  readonly control: EmulatorControl;
  /** Closes all connections, hanging ones too; resolves when nothing runs any more. */
  close(): Promise<void>;
}

/** @throws {UploaderError} `EMULATOR_LISTEN` when a port can't be bound, `EMULATOR_DATA` when `dataDir` is unusable. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { host = '127.0.0.1', port = 0, controlPort = 0, dataDir, log = () => undefined } = options;
  const closing = new AbortController();
  let publicUrl = options.publicUrl?.replace(/\/$/, '') ?? '';
  const { context, callback } = createContext(options, () => publicUrl, closing.signal);
  const control = createControl(context, callback);
  const running = new Set<Promise<void>>();
  const server = createApiServer(context, running, options.clock);
  const controlServer = createControlServer(control, closing.signal);
  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.all([closeServer(server), closeServer(controlServer)]);
    await Promise.all([...running, callback.ended()]);
  };
  try {
    const origin = await listen(server, host, port);
    publicUrl ||= origin;
    const controlUrl = await listen(controlServer, host, controlPort);
    log({ url: origin, controlUrl, dataDir }, 'emulator started');
    const urls = { url: `${origin}/v2/index.php`, api3Url: `${origin}/`, cosUrl: `${origin}/{bucket}` };
    return { ...urls, controlUrl, control, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @param running gets the requests in progress */
function createApiServer(context: ServerContext, running: Set<Promise<void>>, clock = Date.now): Server {
  const server = createServer((request, response) => {
    response.setHeader('date', new Date(clock()).toUTCString());
    const own = serve(context, request, response)
      .catch(() => void response.destroy())
      .finally(() => running.delete(own));
    running.add(own);
  });
  // Keeps a client's pooled connections open between requests; slow bodies are injected faults, not attacks.
  server.keepAliveTimeout = 120_000;
  server.requestTimeout = 0;
  return server;
}

async function serve(
  context: ServerContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { host, path, rawQuery } = splitTarget(request);
  if (isApi3(request, host, path)) return await serveApi3(context, rawQuery, request, response);
  const cosTarget = parseCosTarget(host, path, rawQuery, (name) => name === BUCKET);
  if (cosTarget !== undefined) return await serveCos(context, cosTarget, request, response);
  if (API_PATHS.has(path) && (request.method === 'GET' || request.method === 'POST')) {
    return await serveApi(context, path, rawQuery, request, response);
  }
  if (API_PATHS.has(path)) return sendJson(response, '{"message":"GET or POST only"}', 405);
  if (await servePlayback(context.store.files, path, request, response)) return;
  sendJson(response, '{"message":"not found"}', 404);
}

/** A target in absolute form, as sent to a proxy, has its own host. */
function splitTarget({ url = '/', headers }: IncomingMessage): {
  readonly host: string;
  readonly path: string;
  /** Without `?`. */
  readonly rawQuery: string;
} {
  const [, absoluteHost, rest = '/'] = /^https?:\/\/([^/?]+)(.*)$/i.exec(url) ?? [undefined, undefined, url];
  const question = rest.indexOf('?');
  return {
    host: absoluteHost ?? headers.host ?? '',
    path: (question < 0 ? rest : rest.slice(0, question)) || '/',
    rawQuery: question < 0 ? '' : rest.slice(question + 1),
  };
}
