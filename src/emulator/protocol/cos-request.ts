/** Recognizes requests to COS, and the action that they ask for. */
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import type { CosAction } from './cos-actions.ts';
import { CosRefusal } from './cos-error.ts';

/** Parts of an upload are numbered from 1. */
const MAX_PART_NUMBER = 10_000;
/** Bytes of a part, unless it is the last one. */
export const PART_MIN_BYTES = 1024 * 1024;
/** Bytes of a part, and of an object sent by one request. */
export const BODY_MAX_BYTES = 5 * 1024 ** 3;
/** Maximum number of entries in one reply of a list. */
export const PAGE_SIZE = 1000;

export interface CosTarget {
  readonly bucket: string;
  /** Only if the host names it. */
  readonly region?: string;
  /** Object key without a leading slash; empty for a request to the bucket itself. */
  readonly key: string;
  /** Paths that the signature may cover: without the bucket, and as sent. */
  readonly paths: readonly string[];
  readonly query: ReadonlyMap<string, string>;
}

/**
 * A bucket is named by the host (`<bucket>.cos.<region>.…`) or by the first segment of the path.
 *
 * @param host the Host header, or the host of an absolute-form target
 * @param isBucket whether the emulator has a bucket of this name
 * @returns undefined when the request is not one to COS
 */
export function parseCosTarget(
  host: string,
  path: string,
  rawQuery: string,
  isBucket: (name: string) => boolean,
): CosTarget | undefined {
  const [, ofHost, region] = /^([a-z0-9-]+)\.cos\.([a-z0-9-]+)\./i.exec(host) ?? [];
  const ofPath = /^\/([^/]+)(\/.*)?$/.exec(path);
  const query = () => parseQuery(rawQuery);
  if (ofHost !== undefined && region !== undefined) {
    const decoded = decode(path);
    return { bucket: ofHost, region, key: decoded.slice(1), paths: [decoded], query: query() };
  }
  if (ofPath?.[1] === undefined || !isBucket(ofPath[1])) return undefined;
  const inBucket = decode(ofPath[2] ?? '/');
  return {
    bucket: ofPath[1],
    key: inBucket.slice(1),
    paths: [inBucket, decode(path)],
    query: query(),
  };
}

/** @returns undefined when the emulator does not have the action */
export function cosActionOf(method: string, { key, query }: CosTarget): CosAction | undefined {
  const has = (name: string): boolean => query.has(name);
  if (key === '') {
    if (method === 'HEAD') return 'HeadBucket';
    return method === 'GET' && has('uploads') ? 'ListMultipartUploads' : undefined;
  }
  switch (method) {
    case 'POST':
      if (has('uploads')) return 'InitiateMultipartUpload';
      return has('uploadId') ? 'CompleteMultipartUpload' : undefined;
    case 'PUT':
      return has('uploadId') || has('partNumber') ? 'UploadPart' : 'PutObject';
    case 'GET':
      return has('uploadId') ? 'ListParts' : 'GetObject';
    case 'HEAD':
      return 'HeadObject';
    case 'DELETE':
      return has('uploadId') ? 'AbortMultipartUpload' : undefined;
    default:
      return undefined;
  }
}

/** @throws {CosRefusal} InvalidArgument */
export function parsePartNumber(query: ReadonlyMap<string, string>): number {
  const text = query.get('partNumber') ?? '';
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > MAX_PART_NUMBER) {
    throw new CosRefusal('InvalidArgument', `partNumber is not 1 to ${MAX_PART_NUMBER}: ${text}`);
  }
  return number;
}

/**
 * A number of a list's parameters, such as `max-parts`.
 *
 * @throws {CosRefusal} InvalidArgument
 */
export function parseCount(query: ReadonlyMap<string, string>, name: string, standard: number): number {
  const text = query.get(name) ?? '';
  if (text === '') return standard;
  if (!/^\d{1,9}$/.test(text)) throw new CosRefusal('InvalidArgument', `${name} is not a number: ${text}`);
  return Number(text);
}

export interface ListedEtag {
  readonly number: number;
  /** Without quotes. */
  readonly etag: string;
}

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Part' });

/** Parses the body of Complete Multipart Upload. @throws {CosRefusal} MalformedXML */
export function parseComplete(body: Uint8Array): ListedEtag[] {
  const malformed = (reason: string) => new CosRefusal('MalformedXML', `The XML is malformed: ${reason}`);
  const text = new TextDecoder().decode(body);
  const valid = XMLValidator.validate(text);
  if (valid !== true) throw malformed(valid.err.msg);
  const parts: unknown = parser.parse(text)?.CompleteMultipartUpload?.Part;
  if (!Array.isArray(parts)) throw malformed('CompleteMultipartUpload has no Part');
  return parts.map((part: { PartNumber?: unknown; ETag?: unknown }) => {
    const number = String(part?.PartNumber ?? '').trim();
    const etag = String(part?.ETag ?? '').trim();
    if (!/^\d{1,5}$/.test(number) || etag === '') throw malformed('a Part lacks PartNumber or ETag');
    return { number: Number(number), etag: etag.replace(/^"(.*)"$/, '$1').toLowerCase() };
  });
}

function parseQuery(rawQuery: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    query.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1)));
  }
  return query;
}

/** @throws {CosRefusal} InvalidURI */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new CosRefusal('InvalidURI', 'The URI has an invalid percent-encoding');
  }
}
