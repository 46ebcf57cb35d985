/** The service's side of request signing: builds the text that must have been signed and compares. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Params } from './query.ts';
import { Refusal } from './reply.ts';

/**
 * How a request is refused whose signature is wrong: the document of the upload API has -10002, and the codes that are
 * common to all APIs have 4100.
 */
export const SIGNATURE_CODES = [-10002, 4100] as const;
export type SignatureCode = (typeof SIGNATURE_CODES)[number];

/** The parts of a request, besides its parameters, that a signature covers. */
export interface SignedTarget {
  /** In capitals. */
  readonly method: string;
  /** As in the Host header: with or without a port. */
  readonly host: string;
  readonly path: string;
}

const digests: ReadonlyMap<string, string> = new Map([
  ['HmacSHA1', 'sha1'],
  ['HmacSHA256', 'sha256'],
]);

/**
 * Parameters but `Signature`, sorted by name in byte order (names are ASCII, so the order of JavaScript's sort is
 * that of the bytes), values raw; a `_` in a name becomes `.` after sorting.
 */
export function signedText(target: SignedTarget, params: Params): string {
  const pairs = [...params.keys()]
    .filter((name) => name !== 'Signature')
    .sort()
    .map((name) => `${name.replaceAll('_', '.')}=${params.get(name)}`);
  return `${target.method}${target.host}${target.path}?${pairs.join('&')}`;
}

export function signatureOf(text: string, secretKey: string, digest = 'sha1'): string {
  return createHmac(digest, secretKey).update(text).digest('base64');
}

/**
 * Official clients sign the host without its port, others sign the Host header as it is: both are right.
 *
 * @param code of the refusal when the signature is wrong
 * @throws {Refusal} with that code, or 4000 when the signature's method is unknown.
 */
export function verifySignature(
  target: SignedTarget,
  params: Params,
  secretKey: string,
  code: SignatureCode,
): void {
  const method = params.get('SignatureMethod') ?? 'HmacSHA1';
  const digest = digests.get(method);
  if (digest === undefined)
    throw new Refusal(4000, `SignatureMethod ${method} is not HmacSHA1 or HmacSHA256`);
  const given = Buffer.from(params.get('Signature') ?? '');
  const bareHost = target.host.replace(/:\d+$/, '');
  const hosts = bareHost === target.host ? [bareHost] : [bareHost, target.host];
  for (const host of hosts) {
    const expected = Buffer.from(signatureOf(signedText({ ...target, host }, params), secretKey, digest));
    if (given.length === expected.length && timingSafeEqual(given, expected)) return;
  }
  throw new Refusal(code, `signature is wrong for ${target.method} ${target.path}`);
}
