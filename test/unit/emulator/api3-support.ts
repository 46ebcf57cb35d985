/** Sends requests of API 3.0 and COS, signed by the vendor's own packages: no code of the client is used. */
import { createHash } from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';
import COS from 'cos-nodejs-sdk-v5';
import type * as tc3 from 'tencentcloud-sdk-nodejs-common/tencentcloud/common/sign.js';
import type { Emulator } from '../../../src/emulator/server.ts';
import { type Answer, SECRET_ID, SECRET_KEY } from './support.ts';

const load = createRequire(import.meta.url);
/** The package is CommonJS, with its class in `default`. */
export const { default: Sign } = load('tencentcloud-sdk-nodejs-common/tencentcloud/common/sign.js') as {
  readonly default: typeof tc3.default.default;
};

interface SendOptions {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** Aborts the request. */
  readonly signal?: AbortSignal | undefined;
}

export function sendTo(
  origin: string,
  { method, path, headers, body, signal }: SendOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const options = { hostname, port, method, path, agent: false, headers, ...(signal && { signal }) };
    const request = http.request(options, (response) => {
      const received: Buffer[] = [];
      response.on('data', (bytes: Buffer) => received.push(bytes));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(received).toString('utf8');
        const { statusCode: status = 0 } = response;
        const type = response.headers['content-type'] ?? '';
        const json = type.includes('json') && text !== '' ? JSON.parse(text).Response : undefined;
        resolve({ status, text, type, headers: response.headers, json });
      });
    });
    request.on('error', reject);
    request.end(body ?? '');
  });
}

export interface Api3Options {
  readonly secretId?: string;
  readonly secretKey?: string;
  readonly timestamp?: number;
  readonly version?: string;
  /** Replace the headers. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Replaces the body after it was signed. */
  readonly body?: string;
}

export type Api3Call = (action: string, params?: object, options?: Api3Options) => Promise<Answer>;

/** `json` of the answer is its `Response`. */
export function api3CallerOf(
  { api3Url }: Pick<Emulator, 'api3Url'>,
  clock: () => number = Date.now,
): Api3Call {
  return (action, params = {}, options = {}) => {
    const { secretId = SECRET_ID, secretKey = SECRET_KEY, version = '2018-07-17' } = options;
    const timestamp = options.timestamp ?? Math.floor(clock() / 1000);
    const contentType = 'application/json';
    const authorization = Sign.sign3({
      ...{ method: 'POST', url: api3Url, payload: params, timestamp, service: 'vod', secretId, secretKey },
      ...{ multipart: false, boundary: '', headers: { 'Content-Type': contentType } },
    });
    const headers = {
      'content-type': contentType,
      'x-tc-action': action,
      'x-tc-version': version,
      'x-tc-timestamp': String(timestamp),
      authorization,
      ...options.headers,
    };
    const body = Buffer.from(options.body ?? JSON.stringify(params));
    return sendTo(api3Url, { method: 'POST', path: '/', headers, body });
  };
}

/** What ApplyUpload returned. */
export interface Applied {
  readonly StorageBucket: string;
  readonly StorageRegion: string;
  readonly VodSessionKey: string;
  readonly MediaStoragePath: string;
  readonly CoverStoragePath: string | null;
  readonly TempCertificate: {
    readonly SecretId: string;
    readonly SecretKey: string;
    readonly Token: string;
    readonly ExpiredTime: number;
  };
}

export interface CosOptions {
  readonly query?: Readonly<Record<string, string | number>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Object path; default: the session's own. */
  readonly path?: string;
  /** Seconds since 1970: `start;end`. */
  readonly keyTime?: string;
  /** Aborts the request. */
  readonly signal?: AbortSignal;
  /** Replaces fields of the credentials. */
  readonly credentials?: Partial<Applied['TempCertificate']>;
}

export type CosCall = (method: string, options?: CosOptions) => Promise<Answer>;

/** Sends requests about one session's object, in path style. */
export function cosCallerOf(
  { api3Url }: Pick<Emulator, 'api3Url'>,
  applied: Applied,
  clock: () => number = Date.now,
): CosCall {
  const { host } = new URL(api3Url);
  return (method, options = {}) => {
    const { query = {}, body, path = applied.MediaStoragePath } = options;
    const { SecretId, SecretKey, Token } = { ...applied.TempCertificate, ...options.credentials };
    const now = Math.floor(clock() / 1000);
    const signed = { Host: host, ...options.headers };
    const authorization = COS.getAuthorization({
      ...{ SecretId, SecretKey, Method: method as 'GET', Key: path, Query: query, Headers: signed },
      ...{ KeyTime: options.keyTime ?? `${now - 1};${now + 900}` },
    } as Parameters<typeof COS.getAuthorization>[0]);
    const headers = {
      ...signed,
      'x-cos-security-token': Token,
      authorization,
      ...(body !== undefined && { 'content-length': String(body.length) }),
    };
    const text = Object.entries(query)
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      .join('&');
    const target = `/${applied.StorageBucket}${encodeURI(path)}${text === '' ? '' : `?${text}`}`;
    return sendTo(api3Url, { method, path: target, headers, body, signal: options.signal });
  };
}

/** The text of an XML element, of its first occurrence. */
export function element(xml: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '';
}

export const contentMd5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('base64');

export function completeXml(etags: readonly (readonly [number: number, etag: string])[]): Buffer {
  const parts = etags.map(
    ([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  return Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
}

export async function apply(call: Api3Call, params: object = {}): Promise<Applied> {
  return (await call('ApplyUpload', { MediaType: 'mp4', MediaName: 'clip', ...params })).json as Applied;
}

/** Uploads the parts and completes. @returns the answer of Complete */
export async function uploadParts(cos: CosCall, parts: readonly Uint8Array[]): Promise<Answer> {
  const uploadId = element((await cos('POST', { query: { uploads: '' } })).text, 'UploadId');
  const etags: [number, string][] = [];
  for (const [index, body] of parts.entries()) {
    const headers = { 'Content-MD5': contentMd5(body) };
    const answer = await cos('PUT', { query: { partNumber: index + 1, uploadId }, headers, body });
    etags.push([index + 1, String(answer.headers.etag)]);
  }
  return await cos('POST', { query: { uploadId }, body: completeXml(etags) });
}
