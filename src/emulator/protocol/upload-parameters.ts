/** Parameters of InitUpload, UploadPart and FinishUpload. */
import {
  FILE_NAME_FORBIDDEN,
  FILE_NAME_MAX_BYTES,
  PART_SIZES,
  type PartSize,
} from '../../vod/wire/protocol.ts';
import type { Params } from './query.ts';
import { Refusal } from './reply.ts';

/** Set by InitUpload and kept with the stored video. */
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

/** Accepts `DataSize` (in the document's table) and `dataSize` (in its example and the official clients). */
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

/** Accepts `tags.n` (documented) and `tag.n` (official clients), sorted by n. */
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
