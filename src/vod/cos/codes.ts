import type { Meaning } from '../wire/service-codes.ts';

const PERMANENT = {
  kind: 'permanent',
  reason: 'vod',
  advice: 'The same request would be refused again.',
} as const;
const PARTS = { kind: 'permanent', reason: 'vod' } as const;
const RETRYABLE = { kind: 'retryable', reason: 'vod' } as const;
const SERVER = { kind: 'retryable', reason: 'http_5xx' } as const;
const SESSION = { kind: 'session', reason: 'signature' } as const;
/**
 * COS limits the rate of a bucket, which is not the account's alone, and says nothing about how long. The job waits by its
 * backoff; holding every call of the account would punish uploads to other buckets.
 */
const TOO_FAST = { kind: 'retryable', reason: 'quota' } as const;

/** One row per code of COS that uploads can meet. */
export const COS_MEANINGS: Readonly<Record<string, Meaning>> = {
  // Also "Request has expired": the time of the signature, if this machine's clock is wrong.
  AccessDenied: { ...SESSION, description: 'access denied', clockRelated: true },
  ExpiredToken: { ...SESSION, description: 'the credentials have expired' },
  InvalidToken: { ...SESSION, description: 'invalid token of the credentials' },
  InvalidAccessKeyId: { ...SESSION, description: 'unknown credentials' },
  // The document's spelling.
  InvaildAccessKeyId: { ...SESSION, description: 'unknown credentials' },
  SignatureDoesNotMatch: { ...SESSION, description: 'the signature does not match' },
  RequestTimeTooSkewed: {
    description: 'the time of the signature is too far off',
    kind: 'resign',
    reason: 'signature',
    clockRelated: true,
    advice: "If it persists, check this machine's clock.",
  },
  NoSuchUpload: { ...SESSION, reason: 'vod', description: 'the upload is completed, aborted or expired' },
  SlowDown: { ...TOO_FAST, description: 'too many requests' },
  TooManyRequests: { ...TOO_FAST, description: 'too many requests' },
  InternalError: { ...SERVER, description: 'internal error' },
  ServiceUnavailable: { ...SERVER, description: 'service unavailable', systemicCause: 'outage' },
  RequestTimeout: {
    kind: 'retryable',
    reason: 'timeout',
    description: 'COS waited too long for the request',
  },
  RequestTimeOut: {
    kind: 'retryable',
    reason: 'timeout',
    description: 'COS waited too long for the request',
  },
  IncompleteBody: { ...RETRYABLE, description: 'the body was cut' },
  BadDigest: { ...RETRYABLE, description: 'the bytes that arrived have another MD5' },
  InvalidDigest: { ...RETRYABLE, description: 'invalid MD5' },
  EntityTooSmall: { ...PARTS, description: 'a part other than the last is smaller than 1 MiB' },
  InvalidPart: { ...PARTS, description: 'COS does not have a part of the list' },
  InvalidPartOrder: { ...PARTS, description: 'the parts are not listed in ascending order' },
  EntityTooLarge: { ...PERMANENT, description: 'larger than COS accepts' },
  MalformedXML: { ...PERMANENT, description: 'malformed list of parts' },
  InvalidArgument: { ...PERMANENT, description: 'invalid argument' },
  InvalidRequest: { ...PERMANENT, description: 'invalid request' },
  InvalidURI: { ...PERMANENT, description: 'invalid path' },
  MethodNotAllowed: { ...PERMANENT, description: 'method not allowed' },
  MissingContentLength: { ...PERMANENT, description: 'missing length' },
  NoSuchBucket: { ...PERMANENT, description: 'the bucket that VOD named does not exist' },
  NoSuchKey: { ...PERMANENT, description: 'no such object' },
  UnavailableForLegalReasons: { ...PERMANENT, description: 'the account or the bucket is blocked' },
};

/** The meaning of a code of COS; every code has one, if need be by its HTTP status. */
export function cosMeaning(code: string, status: number): Meaning {
  const row = Object.hasOwn(COS_MEANINGS, code) ? COS_MEANINGS[code] : undefined;
  if (row !== undefined) return row;
  const description = 'undocumented code';
  if (status === 403) return { ...SESSION, description };
  // An error within a reply of status 200 is one of the server, too.
  if (status >= 500 || status < 300) return { ...SERVER, description };
  return status === 409 || status === 429 ? { ...RETRYABLE, description } : { ...PERMANENT, description };
}
