/** Serves API 3.0: checks signature, version, parameters and quota, and replies. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Outcome } from './control/fault-schema.ts';
import type { Answer } from './control/outcome-reply.ts';
import type { RequestCounts } from './control/stats.ts';
import { type RequestBody, readBody } from './http/body.ts';
import { sendJson } from './http/send.ts';
import { type Api3Context, performApi3 } from './perform-api3.ts';
import { API3_VERSION, type Api3Action, isApi3Action } from './protocol/api3-actions.ts';
import { type Form, formParameters, parseForm, verifyForm } from './protocol/api3-form.ts';
import { checkApi3, parseApi3Json } from './protocol/api3-parameters.ts';
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

/** A POST to `/` that names an action, is a form, or goes to the API's own host. */
export function isApi3(request: IncomingMessage, host: string, path: string): boolean {
  if (request.method !== 'POST' || path !== '/') return false;
  const named = request.headers['x-tc-action'] !== undefined || mediaTypeOf(request) === FORM;
  return named || HOST.test(host.replace(/:\d+$/, ''));
}

const FORM = 'application/x-www-form-urlencoded';

function mediaTypeOf({ headers }: IncomingMessage): string {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
}

/** @param rawQuery without `?` */
export async function serveApi3(
  context: Api3ServerContext,
  rawQuery: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { counts } = context;
  // A form names its action in the body.
  const early = mediaTypeOf(request) === FORM ? await readBody(request, context.signal) : undefined;
  const form = early && parseForm(Buffer.concat(early.buffers));
  const name = (form ? form.get('Action') : String(request.headers['x-tc-action'] ?? '')) ?? '';
  if (!isApi3Action(name)) {
    counts.arrive('other');
    if (early === undefined) await readBody(request, context.signal);
    const code = name === '' ? 'MissingParameter' : 'InvalidAction';
    counts.result('other', code);
    const message = name === '' ? 'The request names no action' : 'The action does not exist';
    return sendJson(response, api3ErrorText(code, message));
  }
  counts.arrive(name);
  context.api3Quota.arrive(name);
  const applied = context.faults.take({ api: 'api3', action: name });
  if (applied.outcome) context.log({ action: name, fault: applied.outcome.kind }, 'fault');
  const result = await underFaults<RequestBody>(context, response, applied, {
    read: async (limit) => early ?? (await readBody(request, context.signal, limit)),
    async perform(body) {
      // Only PullEvents waits so long that its client may disconnect meanwhile.
      const signal = name === 'PullEvents' ? whenClosed(response, context.signal) : context.signal;
      return await answerTo(context, name, { rawQuery, request, body, form }, signal);
    },
    change: api3Change,
  });
  counts.result(name, result);
}

interface Api3Request {
  readonly rawQuery: string;
  readonly request: IncomingMessage;
  readonly body: RequestBody;
  readonly form: Form | undefined;
}

async function answerTo(
  context: Api3ServerContext,
  action: Api3Action,
  received: Api3Request,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    if (received.body.tooLarge) throw new Api3Refusal('RequestSizeLimitExceeded', 'The body is too large');
    checkAccess(context, received);
    context.api3Quota.admit(action);
    const { form, body } = received;
    const params = form ? formParameters(action, form) : parseApi3Json(Buffer.concat(body.buffers));
    checkApi3(action, params, context.subAppId);
    const fields = await performApi3(context, action, params, signal);
    return { ...JSON_ANSWER, text: api3Text(fields), result: 'ok' };
  } catch (error) {
    const refusal = refusalOf(error, context);
    context.log({ action, code: refusal.code, message: refusal.message }, 'reply');
    return errorAnswer(refusal.code, refusal.message);
  }
}

/** Checks signature, version and content type. @throws {Api3Refusal} */
function checkAccess({ account, clock }: Api3ServerContext, received: Api3Request): void {
  const { form, request, body, rawQuery: query } = received;
  const { method = '', headers } = request;
  if (form) verifyForm(form, headers.host ?? '', account, clock());
  else verifyTc3({ method, query, headers, body: Buffer.concat(body.buffers) }, account, clock());
  const version = form ? form.get('Version') : headers['x-tc-version'];
  if (version === undefined) throw new Api3Refusal('MissingParameter', 'The request names no version');
  if (version !== API3_VERSION) throw new Api3Refusal('NoSuchVersion', `The version is not ${API3_VERSION}`);
  if (form === undefined && mediaTypeOf(request) !== 'application/json') {
    throw new Api3Refusal('UnsupportedProtocol', 'Content-Type is not application/json');
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
