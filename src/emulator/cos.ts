/** Serves COS: checks the signature, receives the body, and answers. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BUCKET } from './bucket.ts';
import type { Outcome } from './control/fault-schema.ts';
import type { Answer } from './control/outcome-reply.ts';
import { checkCosAccess } from './cos-access.ts';
import { readBody } from './http/body.ts';
import { type BodyLimit, receiveFile } from './http/receive-file.ts';
import { type CosContext, type CosRequest, performCos } from './perform-cos.ts';
import type { CosAction } from './protocol/cos-actions.ts';
import { CosRefusal, cosErrorText, cosStatusOf } from './protocol/cos-error.ts';
import { BODY_MAX_BYTES, type CosTarget, cosActionOf, parsePartNumber } from './protocol/cos-request.ts';
import type { VodSessions } from './state/vod-sessions.ts';
import { type FaultContext, underFaults } from './under-faults.ts';

export interface CosServerContext extends CosContext, FaultContext {
  readonly sessions: VodSessions;
  /** In ms. */
  readonly clock: () => number;
}

/** What was received: a request to perform, or the reason not to. */
type Received = CosRequest | { readonly refusal: unknown };

export async function serveCos(
  context: CosServerContext,
  target: CosTarget,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { counts } = context;
  const action = cosActionOf(request.method ?? '', target);
  response.setHeader('x-cos-request-id', randomBytes(16).toString('base64url'));
  if (action === undefined) {
    counts.arrive('other');
    request.resume();
    counts.result('other', 'MethodNotAllowed');
    const answer = errorAnswer(
      new CosRefusal('MethodNotAllowed', 'The emulator does not have this action'),
      target,
    );
    response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.text);
    return;
  }
  counts.arrive(action);
  const partNumber = action === 'UploadPart' ? target.query.get('partNumber') : undefined;
  const applied = context.faults.take({ api: 'cos', action, partNumber });
  if (applied.outcome) context.log({ action, fault: applied.outcome.kind }, 'fault');
  let received: Received | undefined;
  try {
    const isDamaged = applied.outcome?.kind === 'damage';
    const result = await underFaults<Received>(context, response, applied, {
      async read(limit) {
        received = await receive(context, target, action, request, isDamaged, limit);
        return received;
      },
      perform: (body) => answerTo(context, target, action, body),
      change: (answer, outcome) => changed(answer, outcome, target),
    });
    counts.result(action, result);
  } finally {
    if (received !== undefined && 'file' in received && received.file !== undefined) {
      fs.rmSync(received.file.stored.file, { force: true });
    }
  }
}

/** Checks the head before the body is stored; the body of a refused request is read and dropped. */
async function receive(
  context: CosServerContext,
  target: CosTarget,
  action: CosAction,
  request: IncomingMessage,
  isDamaged: boolean,
  limit: BodyLimit,
): Promise<Received> {
  const { method = '', headers } = request;
  const isFile = action === 'UploadPart' || action === 'PutObject';
  try {
    if (target.bucket !== BUCKET)
      throw new CosRefusal('NoSuchBucket', 'The specified bucket does not exist.');
    checkCosAccess(context.sessions, { method, headers }, target, action, context.clock());
    if (isFile) checkBodyHead(context, target, action, headers['content-length']);
  } catch (refusal) {
    for await (const _ of request);
    return { refusal };
  }
  const range = headers.range;
  if (!isFile) {
    const { buffers, tooLarge } = await readBody(request, context.signal, limit);
    if (tooLarge) return { refusal: new CosRefusal('EntityTooLarge', 'The XML is too large') };
    return { action, target, range, body: Buffer.concat(buffers), file: undefined };
  }
  const file = await receiveFile(request, context.objects.incomingFile(), isDamaged, context.signal, limit);
  const refusal = digestRefusal(headers['content-md5'], file.sent.md5);
  if (refusal === undefined) return { action, target, range, body: Buffer.alloc(0), file };
  fs.rmSync(file.stored.file);
  return { refusal };
}

function checkBodyHead(
  { objects }: CosServerContext,
  { key, query }: CosTarget,
  action: CosAction,
  length: string | undefined,
): void {
  if (length === undefined) {
    throw new CosRefusal('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  if (Number(length) > BODY_MAX_BYTES) throw new CosRefusal('EntityTooLarge', 'The body is above 5 GiB');
  if (action !== 'UploadPart') return;
  parsePartNumber(query);
  objects.upload(key, query.get('uploadId') ?? '');
}

/** @param header Content-MD5: in base64 */
function digestRefusal(header: string | string[] | undefined, md5: string): CosRefusal | undefined {
  if (header === undefined) return undefined;
  const digest = Buffer.from(String(header), 'base64');
  if (digest.length !== 16 || digest.toString('base64') !== header) {
    return new CosRefusal('InvalidDigest', 'The Content-MD5 you specified is not valid.');
  }
  if (digest.toString('hex') === md5) return undefined;
  return new CosRefusal('BadDigest', 'The Content-MD5 you specified did not match what was received.');
}

async function answerTo(
  context: CosServerContext,
  target: CosTarget,
  action: CosAction,
  received: Received,
): Promise<Answer> {
  try {
    if ('refusal' in received) throw received.refusal;
    return await performCos(context, received);
  } catch (error) {
    const refusal = refusalOf(error, context);
    context.log({ action, key: target.key, code: refusal.code, message: refusal.message }, 'reply');
    return errorAnswer(refusal, target);
  }
}

function errorAnswer({ code, message }: CosRefusal, { key }: CosTarget): Answer {
  const text = cosErrorText(code, message, `/${key}`);
  return { status: cosStatusOf(code), type: 'application/xml', text, result: code };
}

function changed(answer: Answer, outcome: Outcome | undefined, target: CosTarget): Answer {
  if (outcome?.kind !== 'error') return answer;
  const { code, message = `injected fault ${code}`, status, headers = {} } = outcome;
  const error = errorAnswer(new CosRefusal(code, message), target);
  if (status === 200) return { ...error, status, headers, text: `${' '.repeat(64)}${error.text}` };
  return { ...error, ...(status !== undefined && { status }), headers };
}

/** Any other error than a refusal, such as a full disk, is the service's own. */
function refusalOf(error: unknown, { log }: CosServerContext): CosRefusal {
  if (error instanceof CosRefusal) return error;
  log({ err: error }, 'request failed');
  return new CosRefusal('InternalError', 'The emulator failed; see its log');
}
