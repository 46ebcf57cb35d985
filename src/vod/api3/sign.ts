import { createHash, createHmac } from 'node:crypto';

const ALGORITHM = 'TC3-HMAC-SHA256';

/** A request to sign with TC3-HMAC-SHA256. The query is empty, as in every POST of API 3.0. */
export interface Tc3Request {
  /** As in the host's name: `vod`. */
  readonly service: string;
  readonly method: string;
  /** Percent-encoded, with its leading slash. */
  readonly path: string;
  /** The headers that the signature covers, at least `content-type` and `host`; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** Seconds since 1970, as in X-TC-Timestamp. */
  readonly timestamp: number;
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** The signature alone, hex: a redactor needs it. */
export function tc3Signature(request: Tc3Request, secretKey: string): string {
  const { service, method, path, body, timestamp } = request;
  const canonical = [method, path, '', headerLines(request), signedHeaders(request), sha256(body)].join('\n');
  const day = utcDay(timestamp);
  const toSign = [ALGORITHM, timestamp, `${day}/${service}/tc3_request`, sha256(canonical)].join('\n');
  const key = hmac(hmac(hmac(`TC3${secretKey}`, day), service), 'tc3_request');
  return hmac(key, toSign).toString('hex');
}

/** The header Authorization. */
export function tc3Authorization(request: Tc3Request, secretId: string, signature: string): string {
  const scope = `${utcDay(request.timestamp)}/${request.service}/tc3_request`;
  return `${ALGORITHM} Credential=${secretId}/${scope}, SignedHeaders=${signedHeaders(request)}, Signature=${signature}`;
}

function utcDay(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString().slice(0, 10);
}

function sortedHeaders({ headers }: Tc3Request): [string, string][] {
  return Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Values are signed in lower case, and each line is ended. */
function headerLines(request: Tc3Request): string {
  return sortedHeaders(request)
    .map(([name, value]) => `${name}:${value.trim().toLowerCase()}\n`)
    .join('');
}

function signedHeaders(request: Tc3Request): string {
  return sortedHeaders(request)
    .map(([name]) => name)
    .join(';');
}
