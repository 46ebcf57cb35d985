/** The HTTP endpoint that controls an emulator from outside its process, on its own port. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { z } from 'zod';
import { BODY_MAX_BYTES, readBody } from '../http/body.ts';
import { sendJson } from '../http/send.ts';
import {
  type EmittedEvent,
  type EmulatorControl,
  openGateSchema,
  quotaSchema,
  type SessionChange,
} from './control.ts';
import type { Fault } from './fault-schema.ts';

/**
 * GET /healthz, GET and DELETE /stats, POST and DELETE /faults, POST /gates, PUT /quota, PUT /sessions, POST /events. JSON;
 * 400 with a message on errors, 403 for changes requested by a web page.
 */
export function createControlServer(control: EmulatorControl, signal: AbortSignal): Server {
  return createServer((request, response) => {
    serve(control, signal, request, response).catch(() => response.destroy());
  });
}

async function serve(
  control: EmulatorControl,
  signal: AbortSignal,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && isFromBrowser(request.headers)) {
    const message = 'requests from web pages are refused; use curl or a program';
    return sendJson(response, JSON.stringify({ message }), 403);
  }
  const body = await readBody(request, signal);
  try {
    if (body.tooLarge) throw new Error(`body of more than ${BODY_MAX_BYTES} bytes`);
    const answer = route(control, `${request.method} ${request.url}`, body.buffers);
    if (answer === undefined) sendJson(response, JSON.stringify({ message: 'not found' }), 404);
    else sendJson(response, JSON.stringify(answer));
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    sendJson(response, JSON.stringify({ message }), 400);
  }
}

/**
 * Whether a web page sent the request: browsers add these headers to every request that changes something. The emulator
 * serves no pages, so it is a page of another site, or one that uses DNS rebinding.
 */
function isFromBrowser({ origin, 'sec-fetch-site': site = 'none' }: IncomingHttpHeaders): boolean {
  return origin !== undefined || site !== 'none';
}

function route(control: EmulatorControl, target: string, body: readonly Buffer[]): object | undefined {
  switch (target) {
    case 'GET /healthz':
      return { ok: true };
    case 'GET /stats':
      return control.stats();
    case 'DELETE /stats':
      control.resetStats();
      return { ok: true };
    case 'POST /faults':
      control.inject(json(body) as Fault);
      return { ok: true };
    case 'DELETE /faults':
      control.clearFaults();
      return { ok: true };
    case 'POST /gates': {
      const { name, count } = openGateSchema.parse(json(body));
      control.openGate(name, count);
      return { ok: true };
    }
    case 'PUT /quota':
      control.setQuota(quotaSchema.parse(json(body)));
      return { ok: true };
    case 'PUT /sessions':
      control.setSessions(json(body) as SessionChange);
      return { ok: true };
    case 'POST /events':
      control.emit(json(body) as EmittedEvent);
      return { ok: true };
    default:
      return undefined;
  }
}

function json(body: readonly Buffer[]): unknown {
  return JSON.parse(Buffer.concat(body).toString('utf8'));
}
