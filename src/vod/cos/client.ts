import type { SessionCredentials } from '../api3/types.ts';
import type { HttpReply, HttpRequest } from '../http/http-client.ts';
import type { StreamedBody } from '../http/streamed-body.ts';
import { createRequests, type Exchange, type RequestOptions } from '../requests.ts';
import type { CosAction } from '../wire/protocol.ts';
import { createRedactor } from '../wire/redact.ts';
import { ServiceClock } from '../wire/service-clock.ts';
import { percentEncode } from '../wire/sign.ts';
import { VodError } from '../wire/vod-error.ts';
import { type CosBucket, DEFAULT_COS_ENDPOINT, objectUrls } from './object-url.ts';
import {
  type CosPart,
  type PendingUpload,
  parseCompleteReply,
  parseHeadReply,
  parseInitiateReply,
  parsePartsReply,
  parseStoredReply,
  parseUploadsReply,
  type StoredBytes,
  type StoredObject,
} from './parse.ts';
import { type CosReply, checkRefusal, isFromCos, statusError } from './reply.ts';
import { cosAuthorization, cosSignature } from './sign.ts';
import { escapeXml } from './xml.ts';

export interface CosClientOptions extends RequestOptions {
  /**
   * Default `https://{bucket}.cos.{region}.myqcloud.com`. Both placeholders are optional and may be in the path, as in
   * `http://127.0.0.1:9000/{bucket}`.
   */
  readonly endpoint?: string;
}

/** An object, and the session's credentials for it. */
export interface CosObject extends CosBucket {
  /** Without a leading slash. */
  readonly key: string;
  readonly credentials: SessionCredentials;
}

/** Bytes to store. */
export interface CosContent {
  readonly body: Uint8Array | StreamedBody;
  /** MD5 of the body, lower-case hex, which COS then checks. */
  readonly md5?: string | undefined;
}

export interface CosPartContent extends CosContent {
  readonly uploadId: string;
  /** From 1 to 10,000. */
  readonly partNumber: number;
}

/**
 * The calls to object storage. Each sends at most one request and never repeats it, except that `listParts` sends one for
 * each 1,000 parts. They reject with VodError (COS refused; kind `session`: the session is over), VodTransportError (no
 * answer; code ABORTED when `signal` aborted), or what a streamed body threw.
 */
export interface CosClient {
  /** @returns the id of a new multipart upload. If the reply is lost, see `listUploads`. */
  initiate(object: CosObject, signal?: AbortSignal): Promise<string>;
  /** The unfinished multipart uploads of exactly this key, newest first. */
  listUploads(object: CosObject, signal?: AbortSignal): Promise<PendingUpload[]>;
  /** Repeating it replaces the part. */
  uploadPart(object: CosObject, part: CosPartContent, signal?: AbortSignal): Promise<StoredBytes>;
  /** Stores a whole object of up to 5 GiB. */
  putObject(object: CosObject, content: CosContent, signal?: AbortSignal): Promise<StoredBytes>;
  /** All parts that COS has, in ascending order. */
  listParts(object: CosObject, uploadId: string, signal?: AbortSignal): Promise<CosPart[]>;
  /**
   * Makes the object of these parts, in any order here. After a failure with `outcomeUnknown`, and after NoSuchUpload when it
   * was tried before, `head` tells whether the object is there. EntityTooSmall, InvalidPart: list the parts again.
   */
  complete(
    object: CosObject,
    uploadId: string,
    parts: readonly Pick<CosPart, 'partNumber' | 'etag'>[],
    signal?: AbortSignal,
  ): Promise<StoredBytes>;
  /** Removes the parts. Resolves too if COS does not know the upload. */
  abort(object: CosObject, uploadId: string, signal?: AbortSignal): Promise<void>;
  /** @returns undefined if there is no such object */
  head(object: CosObject, signal?: AbortSignal): Promise<StoredObject | undefined>;
  /** Resolves if COS answers an unsigned HEAD of the bucket, whatever it answers short of a failure of its own. */
  probe(bucket: CosBucket, signal?: AbortSignal): Promise<void>;
  /** COS's time in ms since 1970, whatever this machine's clock says; undefined until a reply has told it. */
  serviceTimeMs(): number | undefined;
  /** Closes idle sockets. Calls in flight continue; later calls open new sockets. */
  close(): void;
}

/** A page of 1,000 parts has about 200 KiB. */
const MAX_REPLY_BYTES = 4 * 1024 * 1024;

/** COS sends spaces until a large object is put together. */
const COMPLETE_READ_MS = 600_000;

/** A signature is valid from before it is made, so that a small clock difference does no harm, until a slow body has arrived. */
const VALID_BEFORE_S = 60;
const VALID_AFTER_S = 3600;

const PARTS_PER_PAGE = 1000;

interface Call<T> extends Pick<HttpRequest, 'method' | 'readMs'> {
  readonly action: CosAction;
  /** A name with the value '' is sent without `=`. */
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | StreamedBody;
  readonly md5?: string | undefined;
  readonly contentType?: string;
  /** Instead of the object: its bucket. */
  readonly onBucket?: true;
  readonly parse: (reply: CosReply) => T;
}

/** Throws UploaderError (INVALID_ENDPOINT). Each call may be for another bucket, region and session. */
export function createCosClient(options: CosClientOptions = {}): CosClient {
  const urlOf = objectUrls(options.endpoint ?? DEFAULT_COS_ENDPOINT);
  const requests = createRequests({ maxReplyBytes: MAX_REPLY_BYTES, ...options });
  const clock = new ServiceClock(options.clock ?? Date.now);

  function exchange<T>(call: Call<T>, object: CosObject): Exchange<T> {
    const { action, method, query = {}, body, md5, contentType, readMs, parse } = call;
    const { secretId, secretKey, token, expiresAtMs } = object.credentials;
    const url = urlOf(object, call.onBucket ? '' : object.key);
    const signedHeaders = {
      host: url.host,
      'x-cos-security-token': token,
      ...(md5 !== undefined && { 'content-md5': Buffer.from(md5, 'hex').toString('base64') }),
    };
    const toSign = { method, path: decodeURIComponent(url.pathname), query, headers: signedHeaders };
    const now = Math.floor(clock.now() / 1000);
    const validity = { from: now - VALID_BEFORE_S, to: now + VALID_AFTER_S };
    const signature = cosSignature(toSign, secretKey, validity);
    url.search = queryText(query);
    const redact = createRedactor([secretKey, secretId, token, signature]);
    const { host, ...headers } = signedHeaders;
    return {
      request: {
        ...{ method, url, body, redact, isAnswer: isRefusal },
        headers: {
          ...PLAIN,
          ...headers,
          ...(contentType !== undefined && { 'content-type': contentType }),
          authorization: cosAuthorization(toSign, secretId, validity, signature),
        },
        ...(readMs !== undefined && { readMs }),
      },
      parse: (reply) => {
        const aheadMs = clock.aheadMs(reply.dateMs);
        const credentialsLeftMs = expiresAtMs - (reply.dateMs ?? clock.now());
        try {
          return parse({ ...reply, action, host, redact, aheadMs, credentialsLeftMs });
        } catch (error) {
          if (error instanceof VodError && error.kind === 'clock') clock.correct(reply.dateMs);
          throw error;
        }
      },
    };
  }

  function run<T>(object: CosObject, call: Call<T>, signal: AbortSignal | undefined): Promise<T> {
    return requests.run(call.action, () => exchange(call, object), signal);
  }

  return {
    initiate: (object, signal) =>
      run(
        object,
        {
          ...{
            action: 'InitiateMultipartUpload',
            method: 'POST',
            query: { uploads: '' },
            body: Buffer.alloc(0),
          },
          parse: parseInitiateReply,
        },
        signal,
      ),
    listUploads: (object, signal) =>
      run(
        object,
        {
          ...{ action: 'ListMultipartUploads', method: 'GET', onBucket: true },
          query: { uploads: '', prefix: object.key },
          parse: (reply) => parseUploadsReply(reply, object.key),
        },
        signal,
      ),
    uploadPart: (object, { uploadId, partNumber, body, md5 }, signal) =>
      run(
        object,
        {
          ...{ action: 'UploadPart', method: 'PUT', body, md5 },
          query: { partNumber: String(partNumber), uploadId },
          parse: parseStoredReply,
        },
        signal,
      ),
    putObject: (object, { body, md5 }, signal) =>
      run(object, { action: 'PutObject', method: 'PUT', body, md5, parse: parseStoredReply }, signal),
    listParts: async (object, uploadId, signal) => {
      const all: CosPart[] = [];
      for (let after: number | undefined = 0; after !== undefined; ) {
        const marker: number = after;
        const page: ReturnType<typeof parsePartsReply> = await run(
          object,
          {
            ...{ action: 'ListParts', method: 'GET' },
            query: {
              uploadId,
              'max-parts': String(PARTS_PER_PAGE),
              ...(marker > 0 && { 'part-number-marker': String(marker) }),
            },
            parse: (reply) => parsePartsReply(reply, marker),
          },
          signal,
        );
        all.push(...page.parts);
        after = page.nextAfter;
      }
      return all;
    },
    complete: (object, uploadId, parts, signal) =>
      run(
        object,
        {
          ...{ action: 'CompleteMultipartUpload', method: 'POST', query: { uploadId } },
          ...{ body: Buffer.from(partList(parts)), contentType: 'application/xml', readMs: COMPLETE_READ_MS },
          parse: parseCompleteReply,
        },
        signal,
      ),
    abort: (object, uploadId, signal) =>
      run(
        object,
        {
          ...{ action: 'AbortMultipartUpload', method: 'DELETE', query: { uploadId } },
          parse: (reply) => {
            try {
              checkRefusal(reply);
            } catch (error) {
              if (!(error instanceof VodError && error.code === 'NoSuchUpload')) throw error;
            }
          },
        },
        signal,
      ),
    head: (object, signal) =>
      run(object, { action: 'HeadObject', method: 'HEAD', parse: parseHeadReply }, signal),
    probe: (bucket, signal) => requests.run('HeadObject', () => probe(urlOf(bucket, '')), signal, 'check'),
    serviceTimeMs: () => clock.serviceTimeMs,
    close: () => requests.close(),
  };
}

/** COS must not compress what it is asked about. */
const PLAIN = { accept: '*/*', 'accept-encoding': 'identity' };

/** Its text tells why. A redirect has no text that matters. */
function isRefusal(status: number): boolean {
  return status >= 400;
}

function queryText(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => (value === '' ? name : `${name}=${percentEncode(value)}`))
    .join('&');
}

function probe(url: URL): Exchange<void> {
  const redact = createRedactor([]);
  return {
    request: { method: 'HEAD', url, redact, isAnswer: isRefusal, headers: PLAIN },
    parse: (reply: HttpReply) => {
      if (reply.status < 500 && (reply.status < 400 || isFromCos(reply))) return;
      const { host } = url;
      const known = { aheadMs: undefined, credentialsLeftMs: 0 };
      throw statusError({ ...reply, ...known, action: 'HeadObject', host, redact });
    },
  };
}

function partList(parts: readonly Pick<CosPart, 'partNumber' | 'etag'>[]): string {
  const listed = parts
    .toSorted((a, b) => a.partNumber - b.partNumber)
    .map(({ partNumber, etag }) => {
      return `<Part><PartNumber>${partNumber}</PartNumber><ETag>${escapeXml(`"${etag}"`)}</ETag></Part>`;
    });
  return `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`;
}
