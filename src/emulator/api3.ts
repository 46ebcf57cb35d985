/** Serves API 3.0: checks signature, version, parameters and quota, and replies. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Outcome } from './control/fault-schema.ts';
import type { Answer } from './control/outcome-reply.ts';
import type { RequestCounts } from './control/stats.ts';
import { type RequestBody, readBody } from './http/body.ts';
import { sendJson } from './http/send.ts';
import { type Api3Context, performApi3 } from './perform-api3.ts';
import { API3_VERSION, type Api3Action, isApi3Action } from './protocol/api3-actions.ts';
import { parseApi3 } from './protocol/api3-parameters.ts';
import type { Api3Quota } from './protocol/api3-quota.ts';
import { Api3Refusal, api3ErrorText, api3Text } from './protocol/api3-reply.ts';
import { verifyTc3 } from './protocol/tc3.ts';
import { type FaultContext, underFaults, whenClosed } from './under-faults.ts';

export interface Api3ServerContext extends Api3Context, FaultContext {
  readonly account: { readonly secretId: string; readonly secretKey: string };
  /** Undefined: requests may name any application, or none. */
  readonly subAppId: number | undefined;
  readonly api3Quota: Api3Quota;
  readonly counts: RequestCounts;
}

const HOST = /^vod\.([a-z0-9-]+\.)*tencentcloudapi\.com$/i;

/** A POST to `/` that names an action, or goes to the API's own host. */
export function isApi3(request: IncomingMessage, host: string, path: string): boolean {
  if (request.method !== 'POST' || path !== '/') return false;
  return request.headers['x-tc-action'] !== undefined || HOST.test(host.replace(/:\d+$/, ''));
}

/** @param rawQuery without `?` */
export async function serveApi3(
  context: Api3ServerContext,
  rawQuery: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { counts } = context;
  const name = String(request.headers['x-tc-action'] ?? '');
  if (!isApi3Action(name)) {
    counts.arrive('other');
    await readBody(request, context.signal);
    const code = name === '' ? 'MissingParameter' : 'InvalidAction';
    counts.result('other', code);
    const message = name === '' ? 'X-TC-Action is missing' : 'The action does not exist';
    return sendJson(response, api3ErrorText(code, message));
  }
  counts.arrive(name);
  context.api3Quota.arrive(name);
  const applied = context.faults.take({ api: 'api3', action: name });
  if (applied.outcome) context.log({ action: name, fault: applied.outcome.kind }, 'fault');
  const result = await underFaults<RequestBody>(context, response, applied, {
    read: (limit) => readBody(request, context.signal, limit),
    async perform(body) {
      // Only PullEvents waits so long that its client may disconnect meanwhile.
      const signal = name === 'PullEvents' ? whenClosed(response, context.signal) : context.signal;
      return await answerTo(context, name, rawQuery, request, body, signal);
    },
    change: api3Change,
  });
  counts.result(name, result);
}

async function answerTo(
  context: Api3ServerContext,
  action: Api3Action,
  query: string,
  { headers, method = '' }: IncomingMessage,
  body: RequestBody,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    if (body.tooLarge) throw new Api3Refusal('RequestSizeLimitExceeded', 'The body is too large');
    const bytes = Buffer.concat(body.buffers);
    verifyTc3({ method, query, headers, body: bytes }, context.account, context.clock());
    const version = headers['x-tc-version'];
    if (version === undefined) throw new Api3Refusal('MissingParameter', 'X-TC-Version is missing');
    if (version !== API3_VERSION)
      throw new Api3Refusal('NoSuchVersion', `The version is not ${API3_VERSION}`);
    if (headers['content-type']?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
      throw new Api3Refusal('UnsupportedProtocol', 'Content-Type is not application/json');
    }
    context.api3Quota.admit(action);
    const params = parseApi3(action, bytes, context.subAppId);
    const fields = await performApi3(context, action, params, signal);
    return { ...JSON_ANSWER, text: api3Text(fields), result: 'ok' };
  } catch (error) {
    const refusal = refusalOf(error, context);
    context.log({ action, code: refusal.code, message: refusal.message }, 'reply');
    return errorAnswer(refusal.code, refusal.message);
  }
}

const JSON_ANSWER = { status: 200, type: 'application/json' };

function errorAnswer(code: string, message: string): Answer {
  return { ...JSON_ANSWER, text: api3ErrorText(code, message), result: code };
}

function api3Change(answer: Answer, outcome: Outcome | undefined): Answer {
  if (outcome?.kind !== 'error') return answer;
  const error = errorAnswer(outcome.code, outcome.message ?? `injected fault ${outcome.code}`);
  return { ...error, headers: outcome.headers ?? {} };
}

/** Any other error than a refusal, such as a full disk, is the service's own. */
function refusalOf(error: unknown, { log }: Api3ServerContext): Api3Refusal {
  if (error instanceof Api3Refusal) return error;
  log({ err: error }, 'request failed');
  return new Api3Refusal('InternalError', 'The emulator failed; see its log');
}
