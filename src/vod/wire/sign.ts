import { createHmac } from 'node:crypto';
import type { SignatureMethod } from './protocol.ts';

/** Request parameters by name, values raw (not URL-encoded). All are sent in the query, for POST too. */
export type Params = Readonly<Record<string, string>>;

/** What a signature covers in addition to the parameters. */
export interface SignedTarget {
  readonly method: 'GET' | 'POST';
  /** Host without a port, as the official clients sign it. */
  readonly host: string;
  /** Path with its leading slash: `/v2/index.php`. */
  readonly path: string;
}

const HASH_OF = { HmacSHA1: 'sha1', HmacSHA256: 'sha256' } as const satisfies Record<SignatureMethod, string>;

/** Byte order of the UTF-8 names: `Action` before `dataSize`. JavaScript's order differs above U+FFFF. */
function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function sorted(params: Params): [string, string][] {
  return Object.entries(params).sort(byName);
}

/**
 * The text to sign: METHOD + host + path + `?` + the parameters sorted by name and joined as `name=value` with `&`, values
 * raw, each `_` in a name replaced by `.`. Excludes the parameter `Signature`.
 */
export function stringToSign(target: SignedTarget, params: Params): string {
  const pairs = sorted(params)
    .filter(([name]) => name !== 'Signature')
    .map(([name, value]) => `${name.replaceAll('_', '.')}=${value.toWellFormed()}`);
  return `${target.method}${target.host}${target.path}?${pairs.join('&')}`;
}

/** The signature of a request, base64. `method` must match `SignatureMethod` in `params` (missing: HmacSHA1). */
export function sign(
  target: SignedTarget,
  params: Params,
  secretKey: string,
  method: SignatureMethod,
): string {
  return createHmac(HASH_OF[method], secretKey).update(stringToSign(target, params), 'utf8').digest('base64');
}

/** Percent-encodes everything except letters, digits and `-_.~` (RFC 3986): a space is `%20`, never `+`. */
export function percentEncode(text: string): string {
  // A lone surrogate has no UTF-8 form: it becomes U+FFFD, as in the signed text.
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The query of a URL, without `?`: the parameters in the order of the signature, percent-encoded. */
export function encodeQuery(params: Params): string {
  return sorted(params)
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .join('&');
}
