/** Steers a running emulator: in process, or from outside through an endpoint on a port of its own. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { z } from 'zod';
import { BODY_MAX_BYTES, readBody } from '../http/body.ts';
import type { QuotaLimits } from '../protocol/quota.ts';
import type { Fault } from './faults.ts';
import { endJson } from './outcomes.ts';
import type { EmulatorStats } from './stats.ts';

export interface EmulatorControl {
  /** Arms a fault; earlier ones stay and come first. @throws {z.ZodError} when it is malformed. */
  inject(fault: Fault): void;
  /** Disarms all faults, and opens and forgets all gates. */
  clearFaults(): void;
  /** Lets so many requests pass the gate, those that wait for it first. @param count default: all, and all that come */
  openGate(name: string, count?: number): void;
  /** Resolves when at least so many requests wait at the gate. */
  gateReached(name: string, count: number): Promise<void>;
  stats(): EmulatorStats;
  /** Counts and peaks start anew; stored videos and armed faults stay. */
  resetStats(): void;
  /** Replaces all limits. */
  setQuota(limits: QuotaLimits): void;
  /** An event of any type, known or not, now or when its delay has passed. @throws {z.ZodError} */
  emit(event: EmittedEvent): void;
}

const eventSchema = z.strictObject({
  eventType: z.string(),
  data: z.record(z.string(), z.unknown()),
  /** Default 0. */
  delayMs: z.number().min(0).optional(),
});
export type EmittedEvent = z.infer<typeof eventSchema>;

/** @throws {z.ZodError} */
export function parseEvent(event: EmittedEvent): EmittedEvent {
  return eventSchema.parse(event);
}

const openedSchema = z.strictObject({ name: z.string().min(1), count: z.int().min(1).optional() });

const limit = z.int().min(0).optional();
const quotaSchema = z.strictObject({
  init: limit,
  part: limit,
  finish: limit,
  convert: limit,
  pull: limit,
  confirm: limit,
});

/**
 * GET /healthz, GET and DELETE /stats, POST and DELETE /faults, POST /gates, PUT /quota, POST /events. JSON, 400 with a
 * message on errors, 403 for a page in a browser that would change something.
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
  if (request.method !== 'GET' && isFromPage(request.headers)) {
    const message = 'no page in a browser may do this; curl and programs may';
    return endJson(response, JSON.stringify({ message }), 403);
  }
  const body = await readBody(request, signal);
  try {
    if (body.tooLarge) throw new Error(`body of more than ${BODY_MAX_BYTES} bytes`);
    const done = route(control, `${request.method} ${request.url}`, body.buffers);
    if (done === undefined) endJson(response, JSON.stringify({ message: 'not found' }), 404);
    else endJson(response, JSON.stringify(done));
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    endJson(response, JSON.stringify({ message }), 400);
  }
}

/**
 * Whether a page in a browser has sent it, by the headers that browsers add to all requests that change something. Nothing
 * here serves pages, so it is another site's, or one that was made to look like this address (DNS rebinding).
 */
function isFromPage({ origin, 'sec-fetch-site': site = 'none' }: IncomingHttpHeaders): boolean {
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
      const { name, count } = openedSchema.parse(json(body));
      control.openGate(name, count);
      return { ok: true };
    }
    case 'PUT /quota':
      control.setQuota(quotaSchema.parse(json(body)));
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
