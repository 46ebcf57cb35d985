/** Serves the API: parses a request, applies faults, checks access and quota, and replies. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { V2Action } from '../vod/wire/protocol.ts';
import type { CountedAction } from './control/counted-actions.ts';
import type { Outcome } from './control/fault-schema.ts';
import type { AppliedFaults } from './control/faults.ts';
import { v2Answer } from './control/v2-answer.ts';
import { type RequestBody, readBody } from './http/body.ts';
import { sendJson } from './http/send.ts';
import type { EmulatorLog } from './log.ts';
import { type ActionContext, performAction } from './perform-action.ts';
import type { AccessRules } from './protocol/access.ts';
import { hasCanRetry, parseAction } from './protocol/actions.ts';
import { type Params, parseQuery } from './protocol/query.ts';
import type { Quota } from './protocol/quota.ts';
import { Refusal, type Reply, refused } from './protocol/reply.ts';
import { type FaultContext, underFaults, whenClosed } from './under-faults.ts';

export interface ApiContext extends ActionContext, FaultContext {
  readonly access: AccessRules;
  readonly quota: Quota;
}

export const API_PATHS: ReadonlySet<string> = new Set(['/v2/index.php', '/v3/index.php']);

interface Call {
  readonly action: V2Action;
  readonly params: Params;
  readonly path: string;
}

/**
 * Errors are JSON replies with HTTP 200, except for a too large body (413).
 * A request counts for the quota's peaks as soon as its action is known, even if it is refused later.
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
    sendJson(response, JSON.stringify(reply));
    return;
  }
  const { action, params } = call;
  const fileSha = params.get('fileSha');
  const counted: CountedAction =
    action === 'UploadPart' && !context.store.has(fileSha) ? 'strayPart' : action;
  context.counts.arrive(counted);
  context.quota.arrive(action);
  const applied = context.faults.take({ api: 'v2', action: counted, offset: params.get('offset'), fileSha });
  if (applied.outcome) context.log({ action, fault: applied.outcome.kind }, 'fault');
  const result = await serveCall(context, call, applied, request, response);
  context.counts.result(counted, result);
}

async function serveCall(
  context: ApiContext,
  call: Call,
  applied: AppliedFaults,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<string> {
  return await underFaults<RequestBody>(context, response, applied, {
    read: (limit) => readBody(request, context.signal, limit),
    async perform(body) {
      if (body.tooLarge) {
        const reply = refused(4000, `body of ${body.bytes} bytes is too large`, 0);
        return { ...v2Answer(reply), status: 413 };
      }
      // Only PullEvent waits so long that its client may disconnect meanwhile.
      const signal = call.action === 'PullEvent' ? whenClosed(response, context.signal) : context.signal;
      const reply = await replyTo(context, call, request, body, signal, applied.outcome);
      return v2Answer(reply, applied.outcome);
    },
    change: (answer, outcome) =>
      outcome?.kind === 'code' ? v2Answer(refused(outcome.code, '', 0), outcome) : answer,
  });
}

async function replyTo(
  context: ApiContext,
  { action, params, path }: Call,
  request: IncomingMessage,
  body: RequestBody,
  signal: AbortSignal,
  outcome: Outcome | undefined,
): Promise<Reply> {
  const started = performance.now();
  let reply: Reply;
  try {
    context.access.check({ method: request.method ?? '', host: request.headers.host ?? '', path }, params);
    context.quota.admit(action);
    reply = await performAction(context, action, params, body, signal, outcome);
  } catch (error) {
    reply = replyOf(error, context.log);
  }
  if (reply.code < 0 || reply.code > 2 || action !== 'UploadPart') {
    const { code, message, fileId = params.get('fileId') } = reply;
    const durationMs = Math.round(performance.now() - started);
    context.log({ action, fileSha: params.get('fileSha'), code, message, fileId, durationMs }, 'reply');
  }
  if (hasCanRetry(action)) return reply;
  const { canRetry: _, ...rest } = reply;
  return rest;
}

/** Any other error than a Refusal, such as a full disk, is retryable. */
function replyOf(error: unknown, log: EmulatorLog): Reply {
  if (error instanceof Refusal) return refused(error.code, error.message, error.canRetry);
  log({ err: error }, 'request failed');
  return refused(-10004, String(error), 1);
}
