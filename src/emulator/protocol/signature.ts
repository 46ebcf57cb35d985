/** Verifies request signatures. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Params } from './query.ts';
import { Refusal } from './reply.ts';
import type { SignatureCode } from './signature-codes.ts';

/** What a signature covers, besides the parameters. */
export interface SignedTarget {
  /** In upper case. */
  readonly method: string;
  /** The Host header, with or without a port. */
  readonly host: string;
  readonly path: string;
}

const DIGESTS: ReadonlyMap<string, string> = new Map([
  ['HmacSHA1', 'sha1'],
  ['HmacSHA256', 'sha256'],
]);

/**
 * Text to sign: all parameters but `Signature` with raw values, sorted by name in byte order (JavaScript's sort order,
 * because names are ASCII). A `_` in a name becomes `.` after sorting.
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
 * Accepts signatures of the host without its port (official clients) and of the Host header as it is (others).
 *
 * @param code for a wrong signature
 * @throws {Refusal} with that code, or 4000 for an unknown SignatureMethod.
 */
export function verifySignature(
  target: SignedTarget,
  params: Params,
  secretKey: string,
  code: SignatureCode,
): void {
  const method = params.get('SignatureMethod') ?? 'HmacSHA1';
  const digest = DIGESTS.get(method);
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
