/** What each action does once the request may come in: rules, then the store, then the reply. */
import type { VodAction } from '../vod/protocol.ts';
import type { RequestBody } from './body.ts';
import type { Params } from './query.ts';
import { accepted, type Reply } from './reply.ts';
import { checkPartBody, parseFileSha, parseInit, parsePart } from './rules.ts';
import type { RequestCounts } from './stats.ts';
import type { Store } from './store.ts';
import type { StoredFile } from './stored-files.ts';

export interface ActionContext {
  readonly store: Store;
  readonly counts: RequestCounts;
  readonly urlOf: (file: StoredFile) => string;
  /** Aborts what takes long when the emulator closes. */
  readonly signal: AbortSignal;
}

/** @throws {Refusal} by any rule of the action. */
export async function act(
  context: ActionContext,
  action: VodAction,
  params: Params,
  body: RequestBody,
): Promise<Reply> {
  if (action === 'InitUpload') return initUpload(context, params);
  if (action === 'UploadPart') return await uploadPart(context, params, body);
  return await finishUpload(context, params);
}

function initUpload({ store, urlOf }: ActionContext, params: Params): Reply {
  const answer = store.init(parseInit(params));
  if (answer.kind === 'created') return accepted(0);
  if (answer.kind === 'resumable') return accepted(1, { dataSize: answer.dataSize, listParts: answer.parts });
  return accepted(2, { fileId: answer.file.fileId, url: urlOf(answer.file) });
}

async function uploadPart(
  { store, counts }: ActionContext,
  params: Params,
  body: RequestBody,
): Promise<Reply> {
  const part = parsePart(params);
  store.checkPart(part);
  checkPartBody(part, body.bytes, body.md5);
  const duplicate = await store.writePart(part, body.buffers);
  counts.part(part.fileSha, part.dataSize, duplicate);
  return accepted(0);
}

async function finishUpload({ store, urlOf, signal }: ActionContext, params: Params): Promise<Reply> {
  const file = await store.finish(parseFileSha(params), signal);
  return accepted(0, { fileId: file.fileId, url: urlOf(file) });
}
