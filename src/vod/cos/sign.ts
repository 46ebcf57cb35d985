import { createHash, createHmac } from 'node:crypto';
import { percentEncode } from '../wire/sign.ts';

/** A request to sign for COS. Everything that is listed here is covered. */
export interface CosRequest {
  readonly method: string;
  /** Not encoded, with its leading slash. */
  readonly path: string;
  /** Not encoded; a name without a value has the value ''. */
  readonly query: Readonly<Record<string, string>>;
  /** The headers that the signature covers. */
  readonly headers: Readonly<Record<string, string>>;
}

/** When a signature is valid, in seconds since 1970. */
export interface Validity {
  readonly from: number;
  readonly to: number;
}

/** Names in lower case, in their order, with their encoded values. */
function pairs(fields: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(fields)
    .map(([name, value]): [string, string] => [percentEncode(name).toLowerCase(), percentEncode(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function joined(fields: Readonly<Record<string, string>>): string {
  return pairs(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function names(fields: Readonly<Record<string, string>>): string {
  return pairs(fields)
    .map(([name]) => name)
    .join(';');
}

function keyTime({ from, to }: Validity): string {
  return `${from};${to}`;
}

function hmac(key: string, text: string): string {
  return createHmac('sha1', key).update(text).digest('hex');
}

/** The signature alone, hex: a redactor needs it. */
export function cosSignature(request: CosRequest, secretKey: string, validity: Validity): string {
  const { method, path, query, headers } = request;
  const lines = [method.toLowerCase(), path, joined(query), joined(headers), ''].join('\n');
  const toSign = ['sha1', keyTime(validity), createHash('sha1').update(lines).digest('hex'), ''].join('\n');
  return hmac(hmac(secretKey, keyTime(validity)), toSign);
}

/** The header Authorization. */
export function cosAuthorization(
  { query, headers }: CosRequest,
  secretId: string,
  validity: Validity,
  signature: string,
): string {
  return [
    'q-sign-algorithm=sha1',
    `q-ak=${secretId}`,
    `q-sign-time=${keyTime(validity)}`,
    `q-key-time=${keyTime(validity)}`,
    `q-header-list=${names(headers)}`,
    `q-url-param-list=${names(query)}`,
    `q-signature=${signature}`,
  ].join('&');
}
