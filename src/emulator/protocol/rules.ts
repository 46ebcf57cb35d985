/** The parameter rules of the actions: from text to typed requests, or a precise refusal. */
import {
  FILE_NAME_FORBIDDEN,
  FILE_NAME_MAX_BYTES,
  PART_SIZES,
  type PartSize,
  type VodAction,
} from '../../vod/wire/protocol.ts';
import type { Params } from './query.ts';
import { Refusal } from './reply.ts';

/** What InitUpload binds to a fileSha, and what a stored video keeps. */
export interface VideoProperties {
  readonly fileSha: string;
  /** Bytes. */
  readonly fileSize: number;
  readonly fileName: string;
  /** Extension without a dot. */
  readonly fileType: string;
  readonly tags: readonly string[];
  readonly classId: number | null;
  readonly isTranscode: boolean;
  readonly isScreenshot: boolean;
  readonly isWatermark: boolean;
}

export interface InitParameters {
  readonly properties: VideoProperties;
  readonly dataSize: PartSize;
}

export interface PartParameters {
  readonly fileSha: string;
  readonly offset: number;
  readonly dataSize: number;
  readonly dataMd5: string;
}

const UPLOAD_ACTIONS = ['InitUpload', 'UploadPart', 'FinishUpload'] as const satisfies readonly VodAction[];

/** All that the emulator serves, by whatever host: the service has one for uploads and another one for the rest. */
export const ACTIONS = [
  ...UPLOAD_ACTIONS,
  'ConvertVodFile',
  'PullEvent',
  'ConfirmEvent',
] as const satisfies readonly VodAction[];

/** Whether replies have `canRetry`: only those to an upload's calls do. */
export function tellsCanRetry(action: string): boolean {
  return UPLOAD_ACTIONS.some((known) => known === action);
}

/** Most events that one ConfirmEvent may name, and that one PullEvent gets. */
export const EVENTS_PER_CALL = 16;

/** `invalid parameter` of the actions that have codes of their own. */
const INVALID_PARAMETER = 1000;

/** @throws {Refusal} -10001 without an Action, 6100 for one that is served elsewhere or nowhere. */
export function parseAction(params: Params): VodAction {
  const name = params.get('Action');
  if (!name) throw new Refusal(-10001, 'common parameter Action is missing');
  const action = ACTIONS.find((known) => known === name);
  if (action === undefined) throw new Refusal(6100, `Action ${name} is not supported by this host`);
  return action;
}

/** The document's table spells it `DataSize`, its example and the official clients `dataSize`: both are taken. */
export function parseInit(params: Params): InitParameters {
  const dataSizeName = params.has('dataSize') ? 'dataSize' : 'DataSize';
  const dataSize = integer(params, dataSizeName);
  const partSize = PART_SIZES.find((size) => size === dataSize);
  if (partSize === undefined) {
    throw new Refusal(-10006, `dataSize is ${dataSize}, not one of ${PART_SIZES.join(', ')}`);
  }
  const fileSize = integer(params, 'fileSize');
  if (fileSize < 1) throw new Refusal(-10003, `fileSize is ${fileSize}, less than 1`);
  const properties: VideoProperties = {
    fileSha: parseFileSha(params),
    fileSize,
    fileName: parseFileName(params),
    fileType: parseFileType(params),
    tags: parseTags(params),
    classId: params.has('classId') ? integer(params, 'classId') : null,
    isTranscode: flag(params, 'isTranscode'),
    isScreenshot: flag(params, 'isScreenshot'),
    isWatermark: flag(params, 'isWatermark'),
  };
  return { properties, dataSize: partSize };
}

export function parsePart(params: Params): PartParameters {
  const dataMd5 = required(params, 'dataMd5');
  if (!/^[0-9a-f]{32}$/.test(dataMd5)) {
    throw new Refusal(-10003, `dataMd5 is not 32 lower-case hex digits: ${dataMd5}`);
  }
  const offset = integer(params, 'offset');
  if (offset < 0) throw new Refusal(-10003, `offset is ${offset}, less than 0`);
  return { fileSha: parseFileSha(params), offset, dataSize: integer(params, 'dataSize'), dataMd5 };
}

export function parseFileSha(params: Params): string {
  const value = required(params, 'fileSha');
  if (!/^[0-9a-f]{40}$/.test(value)) {
    throw new Refusal(-10003, `fileSha is not 40 lower-case hex digits: ${value}`);
  }
  return value;
}

/** The file that ConvertVodFile is about; its flags are looked at and change nothing. */
export function parseConvert(params: Params): string {
  const fileId = params.get('fileId') ?? '';
  if (!/^\d{17,20}$/.test(fileId)) {
    throw new Refusal(INVALID_PARAMETER, `fileId is not 17 to 20 digits: ${fileId}`);
  }
  for (const name of ['isScreenshot', 'isWatermark']) {
    const value = params.get(name) ?? '0';
    if (value !== '0' && value !== '1') {
      throw new Refusal(INVALID_PARAMETER, `${name} is ${value}, not 0 or 1`);
    }
  }
  return fileId;
}

/** `msgHandle.1`, `msgHandle.2` and so on. */
export function parseConfirm(params: Params): string[] {
  const handles = [...params]
    .filter(([name]) => /^msgHandle[._]\d{1,9}$/.test(name))
    .map(([, value]) => value);
  if (handles.length === 0) throw new Refusal(INVALID_PARAMETER, 'msgHandle.1 is missing');
  if (handles.length > EVENTS_PER_CALL) {
    throw new Refusal(INVALID_PARAMETER, `${handles.length} msgHandles, more than ${EVENTS_PER_CALL}`);
  }
  return handles;
}

/** Holds a part against the part size that binds its upload. */
export function checkPartFits(part: PartParameters, fileSize: number, partSize: number): void {
  const { offset, dataSize } = part;
  if (offset % partSize !== 0) {
    throw new Refusal(-10003, `offset is ${offset}, no multiple of the part size ${partSize}`);
  }
  if (offset >= fileSize) throw new Refusal(-10003, `offset is ${offset}, beyond the fileSize ${fileSize}`);
  const expected = Math.min(partSize, fileSize - offset);
  if (dataSize !== expected) {
    throw new Refusal(-10006, `dataSize is ${dataSize}, but the part at ${offset} has ${expected} bytes`);
  }
}

/** Holds a part against the bytes that came with it; bytes damaged on the way are worth another try. */
export function checkPartBody(part: PartParameters, bodyBytes: number, bodyMd5: string): void {
  if (bodyBytes !== part.dataSize) {
    throw new Refusal(-10006, `dataSize is ${part.dataSize}, but the body has ${bodyBytes} bytes`);
  }
  if (bodyMd5 !== part.dataMd5) {
    throw new Refusal(-10003, `dataMd5 is ${part.dataMd5}, but that of the body is ${bodyMd5}`, 1);
  }
}

function parseFileName(params: Params): string {
  const name = required(params, 'fileName');
  const bytes = Buffer.byteLength(name);
  if (bytes > FILE_NAME_MAX_BYTES) {
    throw new Refusal(-10003, `fileName has ${bytes} bytes, more than ${FILE_NAME_MAX_BYTES}`);
  }
  const forbidden = FILE_NAME_FORBIDDEN.find((character) => name.includes(character));
  if (forbidden !== undefined) throw new Refusal(-10003, `fileName has the forbidden character ${forbidden}`);
  return name;
}

function parseFileType(params: Params): string {
  const type = required(params, 'fileType');
  if (!/^[A-Za-z0-9]{1,20}$/.test(type)) {
    throw new Refusal(-10003, `fileType is not letters and digits: ${type}`);
  }
  return type;
}

/** `tags.n` as documented or `tag.n` as official clients send, in the order of n. */
function parseTags(params: Params): string[] {
  const tags: { n: number; tag: string }[] = [];
  for (const [name, tag] of params) {
    const n = /^tags?[._](\d{1,9})$/.exec(name)?.[1];
    if (n === undefined) continue;
    if (tag === '') throw new Refusal(-10003, `${name} is empty`);
    tags.push({ n: Number(n), tag });
  }
  return tags.sort((a, b) => a.n - b.n).map(({ tag }) => tag);
}

function required(params: Params, name: string): string {
  const value = params.get(name);
  if (!value) throw new Refusal(-10003, `${name} is missing`);
  return value;
}

function integer(params: Params, name: string): number {
  const text = required(params, name);
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new Refusal(-10003, `${name} is not an integer: ${text}`);
  }
  return value;
}

function flag(params: Params, name: string): boolean {
  const value = params.get(name) ?? '0';
  if (value !== '0' && value !== '1') throw new Refusal(-10003, `${name} is ${value}, not 0 or 1`);
  return value === '1';
}
