import type { IncomingMessage } from 'node:http';
import { combineCrc64, createCrc64, shiftCrc64 } from '../../src/base/crc64.ts';

/** Answers of the sink to API 3.0 and to object storage. Keeps sizes and checksums, and no bytes. */

export interface SinkReply {
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body: string;
}

interface StoredPart {
  readonly size: number;
  readonly crc64: bigint;
  readonly etag: string;
}

const BUCKET = 'bucket-1250000000';
const SESSION_MS = 7_200_000;
/** More than one read of a socket brings. */
const ZEROS = Buffer.alloc(2 ** 20);
const hash = await createCrc64();
hash.update(ZEROS.subarray(0, 1));
const CRC64_OF_ZERO = hash.digest();

/** The CRC-64 of a body. Zeros, of which sparse sources consist, cost a comparison only: a real one would cost the CPU of the sender. */
export class BodyCrc64 {
  #crc64 = 0n;
  #zeros = 0;

  update(bytes: Buffer): void {
    if (bytes.equals(ZEROS.subarray(0, bytes.length))) this.#zeros += bytes.length;
    else {
      this.#addZeros();
      hash.update(bytes);
      this.#crc64 = combineCrc64(this.#crc64, hash.digest(), bytes.length);
    }
  }

  digest(): bigint {
    this.#addZeros();
    return this.#crc64;
  }

  #addZeros(): void {
    this.#crc64 = combineCrc64(this.#crc64, crc64OfZeros(this.#zeros), this.#zeros);
    this.#zeros = 0;
  }
}

/** By doubling. */
function crc64OfZeros(count: number): bigint {
  let crc64 = 0n;
  let power = CRC64_OF_ZERO;
  for (let rest = count, bytes = 1; rest > 0; rest = Math.floor(rest / 2), bytes *= 2) {
    if (rest % 2 === 1) crc64 = combineCrc64(crc64, power, bytes);
    power = combineCrc64(power, power, bytes);
  }
  return crc64;
}

let lastId = 0;

/** The reply to ApplyUpload or CommitUpload; undefined for other actions. */
export function replyOfVod(action: string): SinkReply | undefined {
  const RequestId = 'request-1';
  if (action === 'ApplyUpload') {
    const TempCertificate = {
      ...{ SecretId: 'temporary-id', SecretKey: 'temporary-key', Token: 'temporary-token' },
      ExpiredTime: Math.floor((Date.now() + SESSION_MS) / 1000),
    };
    const Response = {
      ...{ StorageBucket: BUCKET, StorageRegion: 'ap-guangzhou', VodSessionKey: `session-${++lastId}` },
      ...{ MediaStoragePath: `/videos/${lastId}.mp4`, TempCertificate, RequestId },
    };
    return { body: JSON.stringify({ Response }) };
  }
  if (action !== 'CommitUpload') return undefined;
  const Response = { FileId: '5285890784246869930', MediaUrl: 'http://127.0.0.1/video.mp4', RequestId };
  return { body: JSON.stringify({ Response }) };
}

/** Parts of the multipart uploads by their id, and objects by their path. */
const uploads = new Map<string, Map<number, StoredPart>>();
const objects = new Map<string, StoredPart>();

/** The action of a request to object storage; undefined if it is none. */
export function cosActionOf({ method, url = '', headers }: IncomingMessage): string | undefined {
  if (headers.authorization?.startsWith('q-sign-algorithm=') !== true) return undefined;
  const { searchParams } = new URL(url, 'http://127.0.0.1');
  const isOfUpload = searchParams.has('uploadId');
  switch (method) {
    case 'PUT':
      return isOfUpload ? 'UploadPart' : 'PutObject';
    case 'POST':
      return isOfUpload ? 'CompleteMultipartUpload' : 'InitiateMultipartUpload';
    case 'GET':
      return isOfUpload ? 'ListParts' : 'ListMultipartUploads';
    case 'HEAD':
      return 'HeadObject';
    default:
      return 'AbortMultipartUpload';
  }
}

/** @param sent the body of a part or an object */
export function replyOfCos(
  action: string,
  path: string,
  sent: { readonly size: number; readonly crc64: bigint },
): SinkReply {
  const { pathname, searchParams } = new URL(path, 'http://127.0.0.1');
  const id = searchParams.get('uploadId') ?? '';
  const parts = uploads.get(id) ?? new Map<number, StoredPart>();
  switch (action) {
    case 'InitiateMultipartUpload': {
      const UploadId = `upload-${++lastId}`;
      uploads.set(UploadId, parts);
      return xml('InitiateMultipartUploadResult', `<UploadId>${UploadId}</UploadId>`);
    }
    case 'UploadPart': {
      const part = { ...sent, etag: `${sent.crc64.toString(16)}-part` };
      parts.set(Number(searchParams.get('partNumber')), part);
      return { headers: headersOf(part), body: '' };
    }
    case 'PutObject': {
      const object = { ...sent, etag: `${sent.crc64.toString(16)}-object` };
      objects.set(pathname, object);
      return { headers: headersOf(object), body: '' };
    }
    case 'ListMultipartUploads':
      return xml(`${action}Result`, '<IsTruncated>false</IsTruncated>');
    case 'ListParts':
      return listParts(parts, Number(searchParams.get('part-number-marker')), id);
    case 'CompleteMultipartUpload': {
      const object = joined(parts);
      objects.set(pathname, object);
      uploads.delete(id);
      return { ...xml(`${action}Result`, `<ETag>"${object.etag}"</ETag>`), headers: headersOf(object) };
    }
    case 'HeadObject': {
      const object = objects.get(pathname) ?? joined(new Map());
      return { headers: { ...headersOf(object), 'content-length': object.size }, body: '' };
    }
    default:
      uploads.delete(id);
      return { body: '' };
  }
}

function listParts(parts: ReadonlyMap<number, StoredPart>, after: number, id: string): SinkReply {
  const numbers = [...parts.keys()].sort((a, b) => a - b).filter((number) => number > after);
  const page = numbers.slice(0, 1000);
  const listed = page.map((number) => {
    const { size = 0, etag = '' } = parts.get(number) ?? {};
    return `<Part><PartNumber>${number}</PartNumber><Size>${size}</Size><ETag>"${etag}"</ETag></Part>`;
  });
  const end = `<IsTruncated>${numbers.length > page.length}</IsTruncated><NextPartNumberMarker>${page.at(-1) ?? 0}</NextPartNumberMarker>`;
  return xml('ListPartsResult', `<UploadId>${id}</UploadId>${end}${listed.join('')}`);
}

function joined(parts: ReadonlyMap<number, StoredPart>): StoredPart {
  let size = 0;
  let crc64 = 0n;
  for (const [, part] of [...parts].sort(([a], [b]) => a - b)) {
    crc64 = shiftCrc64(crc64, part.size) ^ part.crc64;
    size += part.size;
  }
  return { size, crc64, etag: `${crc64.toString(16)}-${parts.size}` };
}

function headersOf({ etag, crc64 }: StoredPart): Record<string, string> {
  return { etag: `"${etag}"`, 'x-cos-hash-crc64ecma': String(crc64), 'x-cos-request-id': 'request-1' };
}

function xml(root: string, content: string): SinkReply {
  return { body: `<?xml version="1.0"?><${root}>${content}</${root}>` };
}
