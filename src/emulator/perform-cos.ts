/** Performs an admitted request to COS: changes the state, builds the answer. */
import type { ServerResponse } from 'node:http';
import type { Answer } from './control/outcome-reply.ts';
import type { RequestCounts } from './control/stats.ts';
import { parseRange } from './http/playback.ts';
import type { ReceivedFile } from './http/receive-file.ts';
import { sendStream } from './http/send.ts';
import type { CosAction } from './protocol/cos-actions.ts';
import { CosRefusal, xmlText } from './protocol/cos-error.ts';
import {
  type CosTarget,
  PAGE_SIZE,
  parseComplete,
  parseCount,
  parsePartNumber,
} from './protocol/cos-request.ts';
import type { Objects, StoredObject } from './state/objects.ts';

export interface CosContext {
  readonly objects: Objects;
  readonly counts: RequestCounts;
  readonly cosSettings: CosSettings;
}

export interface CosSettings {
  /** Whether replies have `x-cos-hash-crc64ecma`. */
  readonly sendsCrc64: boolean;
  /** Actions that are refused with AccessDenied. */
  readonly deniedActions: ReadonlySet<CosAction>;
}

/** A request whose signature is right. Large bodies are in a file, others in memory. */
export interface CosRequest {
  readonly action: CosAction;
  readonly target: CosTarget;
  readonly range: string | undefined;
  readonly body: Uint8Array;
  readonly file: ReceivedFile | undefined;
}

const OK = { status: 200, type: 'application/xml', result: 'ok' };

/** @throws {CosRefusal} */
export async function performCos(context: CosContext, request: CosRequest): Promise<Answer> {
  const { objects, cosSettings } = context;
  const { action, target, body } = request;
  const { bucket, key, query } = target;
  if (cosSettings.deniedActions.has(action)) throw new CosRefusal('AccessDenied', 'Access Denied.');
  const uploadId = query.get('uploadId') ?? '';
  switch (action) {
    case 'InitiateMultipartUpload': {
      const { id } = objects.begin(key);
      return xmlAnswer('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: id });
    }
    case 'UploadPart':
      return uploadPart(context, request, uploadId);
    case 'ListParts':
      return listParts(context, target, uploadId);
    case 'CompleteMultipartUpload': {
      const { etag } = objects.complete(key, uploadId, parseComplete(body));
      const fields = { Location: `/${key}`, Bucket: bucket, Key: key, ETag: `"${etag}"` };
      return xmlAnswer('CompleteMultipartUploadResult', fields);
    }
    case 'AbortMultipartUpload':
      await objects.abort(key, uploadId);
      return { ...OK, text: '', stream: async (response) => void response.writeHead(204).end() };
    case 'ListMultipartUploads':
      return listUploads(context, target);
    case 'PutObject': {
      const { stored, sent } = received(request);
      objects.put(key, stored);
      return { ...OK, text: '', headers: hashHeaders(cosSettings, sent.md5, sent.crc64.toString()) };
    }
    case 'HeadBucket':
      throw new CosRefusal('AccessDenied', 'Access Denied.');
    case 'HeadObject':
    case 'GetObject':
      return objectAnswer(context, request);
  }
}

function uploadPart(context: CosContext, request: CosRequest, uploadId: string): Answer {
  const { objects, counts, cosSettings } = context;
  const { key, query } = request.target;
  const { stored, sent } = received(request);
  const duplicate = objects.putPart(key, uploadId, parsePartNumber(query), stored);
  counts.partOfKey(key, stored.bytes, duplicate);
  return { ...OK, text: '', headers: hashHeaders(cosSettings, sent.md5, sent.crc64.toString()) };
}

function received({ file }: CosRequest): ReceivedFile {
  if (file === undefined) throw new Error('the body was not received into a file');
  return file;
}

function listParts({ objects }: CosContext, { bucket, key, query }: CosTarget, uploadId: string): Answer {
  const marker = parseCount(query, 'part-number-marker', 0);
  const pageSize = Math.min(parseCount(query, 'max-parts', PAGE_SIZE), PAGE_SIZE);
  const parts = [...objects.upload(key, uploadId).parts.values()]
    .filter(({ number }) => number > marker)
    .sort((a, b) => a.number - b.number);
  const page = parts.slice(0, pageSize);
  const isTruncated = page.length < parts.length;
  return xmlAnswer('ListPartsResult', {
    Bucket: bucket,
    Key: key,
    UploadId: uploadId,
    StorageClass: 'STANDARD',
    PartNumberMarker: marker,
    NextPartNumberMarker: isTruncated ? (page.at(-1)?.number ?? marker) : undefined,
    MaxParts: pageSize,
    IsTruncated: String(isTruncated),
    Part: page.map(({ number, bytes, etag, atMs }) => ({
      PartNumber: number,
      LastModified: new Date(atMs).toISOString(),
      ETag: `"${etag}"`,
      Size: bytes,
    })),
  });
}

function listUploads({ objects }: CosContext, { bucket, query }: CosTarget): Answer {
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const idMarker = query.get('upload-id-marker') ?? '';
  const pageSize = Math.min(parseCount(query, 'max-uploads', PAGE_SIZE), PAGE_SIZE);
  const order = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
  const uploads = objects.uploads
    .filter(({ key, id }) => {
      const isLater = key > keyMarker || (key === keyMarker && idMarker !== '' && id > idMarker);
      return key.startsWith(prefix) && (keyMarker === '' || isLater);
    })
    .sort((a, b) => order(a.key, b.key) || order(a.id, b.id));
  const page = uploads.slice(0, pageSize);
  const isTruncated = page.length < uploads.length;
  return xmlAnswer('ListMultipartUploadsResult', {
    Bucket: bucket,
    'Encoding-Type': '',
    KeyMarker: keyMarker,
    UploadIdMarker: idMarker,
    NextKeyMarker: isTruncated ? page.at(-1)?.key : undefined,
    NextUploadIdMarker: isTruncated ? page.at(-1)?.id : undefined,
    MaxUploads: pageSize,
    Prefix: prefix,
    Delimiter: '',
    IsTruncated: String(isTruncated),
    Upload: page.map(({ id, key, atMs }) => ({
      Key: key,
      UploadId: id,
      StorageClass: 'STANDARD',
      Initiated: new Date(atMs).toISOString(),
    })),
  });
}

function objectAnswer(context: CosContext, { action, target, range: header }: CosRequest): Answer {
  const { objects, cosSettings } = context;
  const object = objects.ofKey(target.key);
  if (object === undefined) throw new CosRefusal('NoSuchKey', 'The specified key does not exist.');
  const range = action === 'GetObject' ? parseRange(header, object.bytes) : undefined;
  if (range === 'unsatisfiable') throw new CosRefusal('InvalidRange', 'The range is not satisfiable');
  const { start, end } = range ?? { start: 0, end: object.bytes - 1 };
  const headers = {
    ...objectHeaders(cosSettings, object),
    'content-length': String(end - start + 1),
    ...(range && { 'content-range': `bytes ${start}-${end}/${object.bytes}` }),
  };
  const stream = async (response: ServerResponse): Promise<void> => {
    if (action === 'GetObject') {
      await sendStream(response, range ? 206 : 200, headers, objects.read(object, start, end));
    } else response.writeHead(200, headers).end();
  };
  return { ...OK, text: '', stream };
}

function objectHeaders(settings: CosSettings, object: StoredObject): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'last-modified': new Date(object.atMs).toUTCString(),
    ...hashHeaders(settings, object.etag, object.crc64),
  };
}

function hashHeaders({ sendsCrc64 }: CosSettings, etag: string, crc64: string): Record<string, string> {
  return { etag: `"${etag}"`, ...(sendsCrc64 && { 'x-cos-hash-crc64ecma': crc64 }) };
}

function xmlAnswer(root: string, fields: Parameters<typeof xmlText>[1]): Answer {
  return { ...OK, text: xmlText(root, fields) };
}
