/**
 * The older way to send requests of API 3.0: parameters and signature in a form, "signature v1" in its document. The
 * vendor's upload SDK for Node.js sends them so.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Api3Action } from './api3-actions.ts';
import { type Api3Params, typeOfParameter } from './api3-parameters.ts';
import { Api3Refusal } from './api3-reply.ts';

export type Form = ReadonlyMap<string, string>;

const TOLERANCE_SECONDS = 300;

const DIGESTS: ReadonlyMap<string, string> = new Map([
  ['HmacSHA1', 'sha1'],
  ['HmacSHA256', 'sha256'],
]);

const COMMON_PARAMETERS: ReadonlySet<string> = new Set([
  ...['Action', 'Version', 'Region', 'Nonce', 'Timestamp', 'SecretId', 'Token', 'Language'],
  ...['Signature', 'SignatureMethod', 'RequestClient'],
]);

export function parseForm(body: Uint8Array): Form {
  return new Map(new URLSearchParams(Buffer.from(body).toString('utf8')));
}

/** Lists are sent as `Name.0`, `Name.1` and so on, numbers as text. */
export function formParameters(action: Api3Action, form: Form): Api3Params {
  const params: Record<string, unknown> = {};
  for (const [name, value] of form) {
    const [, list, index] = /^(\w+)\.(\d{1,4})$/.exec(name) ?? [];
    const type = typeOfParameter(action, list ?? name);
    if (COMMON_PARAMETERS.has(name)) continue;
    if (list !== undefined && index !== undefined) {
      const values = (params[list] ?? []) as unknown[];
      values[Number(index)] = type === 'integers' ? Number(value) : value;
      params[list] = values;
    } else params[name] = type === 'integer' && /^-?\d+$/.test(value) ? Number(value) : value;
  }
  return params;
}

/** @throws {Api3Refusal} AuthFailure.* */
export function verifyForm(
  form: Form,
  host: string,
  account: { readonly secretId: string; readonly secretKey: string },
  nowMs: number,
): void {
  const digest = DIGESTS.get(form.get('SignatureMethod') ?? 'HmacSHA1');
  if (digest === undefined) {
    throw new Api3Refusal('AuthFailure.SignatureFailure', 'SignatureMethod is not HmacSHA1 or HmacSHA256');
  }
  if (form.get('SecretId') !== account.secretId) {
    throw new Api3Refusal('AuthFailure.SecretIdNotFound', 'SecretId is unknown');
  }
  if (!(Math.abs(nowMs / 1000 - Number(form.get('Timestamp'))) <= TOLERANCE_SECONDS)) {
    throw new Api3Refusal('AuthFailure.SignatureExpire', 'Timestamp is too far from the current time');
  }
  const pairs = [...form.keys()]
    .filter((name) => name !== 'Signature')
    .sort()
    .map((name) => `${name}=${form.get(name)}`);
  const given = Buffer.from(form.get('Signature') ?? '');
  for (const signedHost of [host, host.replace(/:\d+$/, '')]) {
    const text = `POST${signedHost}/?${pairs.join('&')}`;
    const expected = Buffer.from(createHmac(digest, account.secretKey).update(text).digest('base64'));
    if (given.length === expected.length && timingSafeEqual(given, expected)) return;
  }
  throw new Api3Refusal('AuthFailure.SignatureFailure', 'signature is wrong');
}
