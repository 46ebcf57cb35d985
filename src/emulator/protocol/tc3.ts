/** Verifies signatures by TC3-HMAC-SHA256, as the document of API 3.0 describes them. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Api3Refusal } from './api3-reply.ts';

/** Maximum difference between X-TC-Timestamp and the service's clock. */
const TOLERANCE_SECONDS = 300;

const AUTHORIZATION =
  /^TC3-HMAC-SHA256 Credential=([^/\s,]+)\/(\d{4}-\d\d-\d\d)\/([a-z0-9_-]+)\/tc3_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

export interface Tc3Request {
  /** In upper case. */
  readonly method: string;
  /** The raw query, without `?`. */
  readonly query: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
}

/** What the Authorization header says. */
export interface Tc3Scope {
  /** UTC date of the timestamp: 2019-02-25. */
  readonly date: string;
  readonly service: string;
  /** Lower-case names of the signed headers, sorted. */
  readonly signedHeaders: readonly string[];
  /** X-TC-Timestamp as sent, in seconds. */
  readonly timestamp: string;
}

/** @param host replaces the Host header: some clients sign it without its port */
export function tc3Signature(request: Tc3Request, scope: Tc3Scope, secretKey: string, host?: string): string {
  const { date, service, signedHeaders, timestamp } = scope;
  const textFor = (name: string): string => {
    const value = name === 'host' && host !== undefined ? host : request.headers[name];
    return String(value ?? '')
      .trim()
      .toLowerCase();
  };
  const canonical = [
    request.method,
    '/',
    request.query,
    ...signedHeaders.map((name) => `${name}:${textFor(name)}`),
    '',
    signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n');
  const text = ['TC3-HMAC-SHA256', timestamp, `${date}/${service}/tc3_request`, sha256(canonical)].join('\n');
  const key = [date, service, 'tc3_request'].reduce<string | Buffer>(
    (secret, data) => createHmac('sha256', secret).update(data).digest(),
    `TC3${secretKey}`,
  );
  return createHmac('sha256', key).update(text).digest('hex');
}

/** @throws {Api3Refusal} AuthFailure.* */
export function verifyTc3(
  request: Tc3Request,
  account: { readonly secretId: string; readonly secretKey: string },
  nowMs: number,
): void {
  const { authorization = '', 'x-tc-timestamp': timestamp = '', 'x-tc-token': token } = request.headers;
  const match = AUTHORIZATION.exec(String(authorization));
  if (match === null) {
    throw new Api3Refusal(
      'AuthFailure.InvalidAuthorization',
      'Authorization is missing or not of TC3-HMAC-SHA256',
    );
  }
  const [, secretId = '', date = '', service = '', names = '', given = ''] = match;
  if (secretId !== account.secretId) {
    throw new Api3Refusal('AuthFailure.SecretIdNotFound', 'SecretId is unknown');
  }
  if (token !== undefined) {
    throw new Api3Refusal('AuthFailure.TokenFailure', 'X-TC-Token does not belong to this SecretId');
  }
  const seconds = /^\d{1,12}$/.test(String(timestamp)) ? Number(timestamp) : Number.NaN;
  if (!(Math.abs(nowMs / 1000 - seconds) <= TOLERANCE_SECONDS)) {
    throw new Api3Refusal(
      'AuthFailure.SignatureExpire',
      `X-TC-Timestamp ${timestamp} is more than ${TOLERANCE_SECONDS} s from ${Math.floor(nowMs / 1000)}`,
    );
  }
  const wrong = (reason: string) => new Api3Refusal('AuthFailure.SignatureFailure', reason);
  const signedHeaders = names.split(';');
  if (!signedHeaders.includes('content-type') || !signedHeaders.includes('host')) {
    throw wrong('SignedHeaders lack content-type or host');
  }
  if (signedHeaders.join(';') !== [...signedHeaders].sort().join(';')) {
    throw wrong('SignedHeaders are not sorted');
  }
  if (date !== new Date(seconds * 1000).toISOString().slice(0, 10) || service !== 'vod') {
    throw wrong(`scope ${date}/${service} is not that of the timestamp and of vod`);
  }
  const scope = { date, service, signedHeaders, timestamp: String(timestamp) };
  const host = String(request.headers.host ?? '');
  for (const signedHost of [host, host.replace(/:\d+$/, '')]) {
    const expected = tc3Signature(request, scope, account.secretKey, signedHost);
    if (timingSafeEqual(Buffer.from(expected), Buffer.from(given))) return;
  }
  throw wrong('signature is wrong');
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
