/** One request of the upload API from its query string to its end. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { VodAction } from '../vod/wire/protocol.ts';
import { type ActionContext, act } from './actions.ts';
import type { CountedAction } from './control/counted-actions.ts';
import type { Faults, Outcome, TakenFaults } from './control/faults.ts';
import type { Gates } from './control/gates.ts';
import { endJson, precludesEffect, respond } from './control/outcomes.ts';
import { type RequestBody, readBody } from './http/body.ts';
import type { AccessRules } from './protocol/access.ts';
import { type Params, parseQuery } from './protocol/query.ts';
import type { Quota } from './protocol/quota.ts';
import { Refusal, type Reply, refused } from './protocol/reply.ts';
import { parseAction, tellsCanRetry } from './protocol/rules.ts';
import type { Sleep } from './sleep.ts';

export type EmulatorLog = (fields: Record<string, unknown>, message: string) => void;

export interface ApiContext extends ActionContext {
  readonly access: AccessRules;
  readonly quota: Quota;
  readonly faults: Faults;
  readonly gates: Gates;
  readonly sleep: Sleep;
  readonly log: EmulatorLog;
}

export const API_PATHS: ReadonlySet<string> = new Set(['/v2/index.php', '/v3/index.php']);

interface Call {
  readonly action: VodAction;
  readonly params: Params;
  readonly path: string;
}

/**
 * Every refusal is a JSON reply with HTTP 200, except for a body beyond all limits (413).
 * A request counts for the quota's peaks as soon as its action is known, whatever becomes of it.
 */
export async function serveApi(
  context: ApiContext,
  path: string,
  rawQuery: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let call: Call;
  try {
    const params = parseQuery(rawQuery);
    call = { action: parseAction(params), params, path };
  } catch (error) {
    context.counts.arrive('other');
    await readBody(request, context.signal);
    const reply = replyOf(error, context.log);
    context.counts.result('other', String(reply.code));
    endJson(response, JSON.stringify(reply));
    return;
  }
  const { action, params } = call;
  const fileSha = params.get('fileSha');
  const counted: CountedAction =
    action === 'UploadPart' && !context.store.knows(fileSha) ? 'strayPart' : action;
  context.counts.arrive(counted);
  context.quota.arrive(action);
  const taken = context.faults.take({ action: counted, offset: params.get('offset'), fileSha });
  if (taken.outcome) context.log({ action, fault: taken.outcome.kind }, 'fault');
  const result = await serveCall(context, call, taken, request, response);
  context.counts.result(counted, result);
}

async function serveCall(
  context: ApiContext,
  call: Call,
  { outcome, latencyMs, gates, bytesPerSecond }: TakenFaults,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<string> {
  const nothing: Reply = refused(6000, 'no effect', 0);
  if (outcome?.kind === 'reset' && outcome.when === 'before') return respond(response, nothing, outcome);
  let body: RequestBody;
  try {
    body = await readBody(request, context.signal, { bytesPerSecond, sleep: context.sleep });
    if (latencyMs > 0) await context.sleep(latencyMs, context.signal);
    for (const name of gates) await context.gates.pass(name, whenClosed(response, context.signal));
  } catch {
    return 'aborted';
  }
  if (body.tooLarge) {
    endJson(response, JSON.stringify(refused(4000, `body of ${body.bytes} bytes is too large`, 0)), 413);
    return '4000';
  }
  if (precludesEffect(outcome)) return respond(response, nothing, outcome);
  const gone = call.action === 'PullEvent' ? whenClosed(response, context.signal) : context.signal;
  return respond(response, await replyTo(context, call, request, body, gone, outcome), outcome);
}

async function replyTo(
  context: ApiContext,
  { action, params, path }: Call,
  request: IncomingMessage,
  body: RequestBody,
  gone: AbortSignal,
  outcome: Outcome | undefined,
): Promise<Reply> {
  const started = performance.now();
  let reply: Reply;
  try {
    context.access.check({ method: request.method ?? '', host: request.headers.host ?? '', path }, params);
    context.quota.admit(action);
    reply = await act(context, action, params, body, gone, outcome);
  } catch (error) {
    reply = replyOf(error, context.log);
  }
  if (reply.code < 0 || reply.code > 2 || action !== 'UploadPart') {
    const { code, message, fileId = params.get('fileId') } = reply;
    const durationMs = Math.round(performance.now() - started);
    context.log({ action, fileSha: params.get('fileSha'), code, message, fileId, durationMs }, 'reply');
  }
  if (tellsCanRetry(action)) return reply;
  const { canRetry: _, ...rest } = reply;
  return rest;
}

/** Aborts with `signal`, and when the caller goes away: only a request that is held can outlive its caller. */
function whenClosed(response: ServerResponse, signal: AbortSignal): AbortSignal {
  const closed = new AbortController();
  if (response.destroyed) closed.abort();
  response.once('close', () => closed.abort());
  return AbortSignal.any([signal, closed.signal]);
}

/** What isn't a refusal is the emulator's own trouble, a full disk for instance: worth another try. */
function replyOf(error: unknown, log: EmulatorLog): Reply {
  if (error instanceof Refusal) return refused(error.code, error.message, error.canRetry);
  log({ err: error }, 'request failed');
  return refused(-10004, String(error), 1);
}
