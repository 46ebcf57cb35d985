/** Verifies signatures of COS by q-sign-algorithm=sha1, as its document describes them. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface SignedObjectRequest {
  /** In any case. */
  readonly method: string;
  /** Decoded, with a leading slash. */
  readonly path: string;
  /** Decoded values by name; a name without a value has an empty one. */
  readonly query: ReadonlyMap<string, string>;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The fields of an Authorization header. */
export interface QSign {
  readonly secretId: string;
  /** Start and end in seconds since 1970, as sent: `1557989151;1557996351`. */
  readonly signTime: string;
  readonly keyTime: string;
  /** Lower-case names, as sent. */
  readonly headerList: readonly string[];
  readonly parameterList: readonly string[];
  /** Lower-case hex. */
  readonly signature: string;
}

/** @returns undefined when it is malformed */
export function parseQSign(authorization: string): QSign | undefined {
  const fields = new Map<string, string>();
  for (const pair of authorization.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0 || fields.has(pair.slice(0, equals))) return undefined;
    fields.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  const field = (name: string): string => fields.get(`q-${name}`) ?? '';
  const times = /^\d{1,11};\d{1,11}$/;
  const isWhole =
    field('sign-algorithm') === 'sha1' &&
    field('ak') !== '' &&
    times.test(field('sign-time')) &&
    times.test(field('key-time')) &&
    fields.has('q-header-list') &&
    fields.has('q-url-param-list') &&
    /^[0-9a-f]{40}$/.test(field('signature'));
  if (!isWhole || fields.size !== 7) return undefined;
  const list = (name: string): string[] => (field(name) === '' ? [] : field(name).split(';'));
  return {
    secretId: field('ak'),
    signTime: field('sign-time'),
    keyTime: field('key-time'),
    headerList: list('header-list'),
    parameterList: list('url-param-list'),
    signature: field('signature'),
  };
}

/** The signature that belongs to the request and the lists in `sign`. */
export function qSignature(
  request: SignedObjectRequest,
  sign: Omit<QSign, 'secretId' | 'signature'>,
  secretKey: string,
): string {
  const parameters = new Map([...request.query].map(([name, value]) => [encode(name).toLowerCase(), value]));
  const pairs = (names: readonly string[], textFor: (name: string) => string): string =>
    names.map((name) => `${name}=${encode(textFor(name))}`).join('&');
  const httpText = [
    request.method.toLowerCase(),
    request.path,
    pairs(sign.parameterList, (name) => parameters.get(name) ?? ''),
    pairs(sign.headerList, (name) => String(request.headers[name] ?? '')),
    '',
  ].join('\n');
  const text = ['sha1', sign.signTime, createHash('sha1').update(httpText).digest('hex'), ''].join('\n');
  const key = createHmac('sha1', secretKey).update(sign.keyTime).digest('hex');
  return createHmac('sha1', key).update(text).digest('hex');
}

/** Whether the signature is right, and covers every parameter and the Host header. */
export function isSignedBy(request: SignedObjectRequest, sign: QSign, secretKey: string): boolean {
  const listed = new Set(sign.parameterList);
  const names = [...request.query.keys()].map((name) => encode(name).toLowerCase());
  if (names.length !== sign.parameterList.length || !names.every((name) => listed.has(name))) return false;
  if (!isSorted(sign.parameterList) || !isSorted(sign.headerList)) return false;
  if (!sign.headerList.includes('host')) return false;
  const expected = Buffer.from(qSignature(request, sign, secretKey));
  return timingSafeEqual(expected, Buffer.from(sign.signature));
}

function isSorted(names: readonly string[]): boolean {
  return names.join(';') === [...names].sort().join(';');
}

/** Percent-encodes all but letters, digits, `-`, `_`, `.` and `~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
