/** Performs an admitted request: parses its parameters, changes the state, builds the reply. */
import { createHash } from 'node:crypto';
import type { V2Action } from '../vod/wire/protocol.ts';
import type { Events } from './after/events.ts';
import type { Feed } from './after/feed.ts';
import type { Outcome } from './control/fault-schema.ts';
import type { RequestCounts } from './control/stats.ts';
import type { RequestBody } from './http/body.ts';
import { parseConfirm, parseConvert } from './protocol/event-parameters.ts';
import { checkPartBody } from './protocol/part-checks.ts';
import type { Params } from './protocol/query.ts';
import { accepted, type PulledEvent, Refusal, type Reply } from './protocol/reply.ts';
import { parseFileSha, parseInit, parsePart } from './protocol/upload-parameters.ts';
import type { Store } from './state/store.ts';
import type { StoredFile } from './state/stored-files.ts';

export interface ActionContext {
  readonly store: Store;
  readonly events: Events;
  readonly feed: Feed;
  readonly counts: RequestCounts;
  readonly urlOf: (file: StoredFile) => string;
  /** Aborts when the emulator closes. */
  readonly signal: AbortSignal;
}

/**
 * @param signal aborts when the reply is not needed any more
 * @param outcome the fault that applies
 * @throws {Refusal}
 */
export async function performAction(
  context: ActionContext,
  action: V2Action,
  params: Params,
  body: RequestBody,
  signal: AbortSignal,
  outcome: Outcome | undefined,
): Promise<Reply> {
  switch (action) {
    case 'InitUpload':
      return initUpload(context, params);
    case 'UploadPart':
      return await uploadPart(context, params, body, outcome?.kind === 'damage');
    case 'FinishUpload':
      return await finishUpload(context, params);
    case 'ConvertVodFile':
      return convertFile(context, parseConvert(params));
    case 'PullEvent':
      return accepted(0, { eventList: await pullEvents(context, signal) });
    case 'ConfirmEvent':
      context.feed.confirm(parseConfirm(params));
      return accepted(0);
  }
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
  isDamaged: boolean,
): Promise<Reply> {
  const part = parsePart(params);
  store.checkPart(part);
  checkPartBody(part, body.bytes, body.md5);
  const kept = isDamaged ? damaged(body.buffers) : body.buffers;
  const dataMd5 = isDamaged ? md5Of(kept) : part.dataMd5;
  const duplicate = await store.writePart({ ...part, dataMd5 }, kept);
  counts.part(part.fileSha, part.dataSize, duplicate);
  return accepted(0);
}

/** A copy with the first byte changed. */
function damaged([first = Buffer.alloc(0), ...rest]: readonly Buffer[]): Buffer[] {
  const copy = Buffer.from(first);
  copy.writeUInt8(copy.readUInt8(0) ^ 0xff, 0);
  return [copy, ...rest];
}

function md5Of(buffers: readonly Buffer[]): string {
  const md5 = createHash('md5');
  for (const buffer of buffers) md5.update(buffer);
  return md5.digest('hex');
}

async function finishUpload({ store, urlOf, signal }: ActionContext, params: Params): Promise<Reply> {
  const file = await store.finish(parseFileSha(params), signal);
  return accepted(0, { fileId: file.fileId, url: urlOf(file) });
}

async function pullEvents({ feed }: ActionContext, signal: AbortSignal): Promise<PulledEvent[]> {
  const events = await feed.pull(signal);
  return events.map(({ handle, event }) => ({ msgHandle: handle, eventContent: event.content }));
}

function convertFile({ store, events }: ActionContext, fileId: string): Reply {
  const file = store.files.ofId(fileId);
  if (file === undefined) throw new Refusal(1000, `there is no file with fileId ${fileId}`);
  if (events.isTranscoding(fileId)) throw new Refusal(10009, `file ${fileId} is being transcoded`);
  return accepted(0, { vodTaskId: events.transcode(file) });
}
