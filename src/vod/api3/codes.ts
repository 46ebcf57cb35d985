import { type Meaning, QUOTA_HOLD_MS } from '../wire/service-codes.ts';

/** The quotas are per second, so a refused action is free again after one. */
const SECOND_HOLD_MS = 1000;

const NO_RETRY = 'The same request would be refused again.';
const CHECK_KEY = 'Check VOD_SECRET_ID and VOD_SECRET_KEY; every other call will be refused as well.';
const CHECK_ACCOUNT =
  'Check that the account of VOD_SECRET_ID may use VOD and this action; every other call will be refused as well.';

const PERMANENT = { kind: 'permanent', reason: 'vod', advice: NO_RETRY } as const;
const RETRYABLE = { kind: 'retryable', reason: 'vod' } as const;
const ACCOUNT = { kind: 'account', reason: 'vod', advice: CHECK_ACCOUNT } as const;
const KEY = { kind: 'account', reason: 'signature', advice: CHECK_KEY } as const;

/** One row per code of API 3.0. A code with a tail, such as `InvalidParameter.Name`, goes by its row, else by its prefix. */
export const API3_MEANINGS: Readonly<Record<string, Meaning>> = {
  AuthFailure: { ...KEY, description: 'authentication failed' },
  'AuthFailure.SignatureExpire': {
    description: 'signature expired',
    kind: 'resign',
    reason: 'signature',
    clockRelated: true,
    advice: "If it persists, check this machine's clock: it must be within 5 minutes of the service's.",
  },
  UnauthorizedOperation: { ...ACCOUNT, description: 'not authorized' },
  OperationDenied: { ...ACCOUNT, description: 'operation denied' },
  IpInBlacklist: { ...ACCOUNT, description: "this machine's address is refused" },
  IpNotInWhitelist: { ...ACCOUNT, description: "this machine's address is refused" },
  'FailedOperation.InvalidVodUser': { ...ACCOUNT, description: 'the account does not have VOD' },
  'FailedOperation.InvalidAccount': { ...ACCOUNT, description: 'invalid account' },
  'InvalidParameterValue.SubAppId': {
    description: 'unknown application',
    kind: 'account',
    reason: 'vod',
    advice: 'Check VOD_SUB_APP_ID; every other call will be refused as well.',
  },
  RequestLimitExceeded: {
    description: 'too many requests',
    kind: 'quota',
    reason: 'quota',
    holdMs: SECOND_HOLD_MS,
    advice: "Lower VOD_QUOTA_PER_SECOND to this account's share.",
  },
  LimitExceeded: { description: 'limit exceeded', kind: 'quota', reason: 'quota', holdMs: QUOTA_HOLD_MS },
  InternalError: { ...RETRYABLE, description: 'internal error' },
  FailedOperation: { ...RETRYABLE, description: 'operation failed' },
  'FailedOperation.MediaTypeNotSupport': { ...PERMANENT, description: 'unsupported type of media' },
  ResourceUnavailable: { ...RETRYABLE, description: 'resource unavailable' },
  ResourceInsufficient: { ...RETRYABLE, description: 'resource insufficient' },
  ResourceInUse: { ...RETRYABLE, description: 'resource in use' },
  ServiceUnavailable: { ...RETRYABLE, description: 'service unavailable', systemicCause: 'outage' },
  'InvalidParameterValue.VodSessionKey': {
    description: "the upload's session is unknown, expired or committed",
    kind: 'session',
    reason: 'vod',
  },
  InvalidParameter: { ...PERMANENT, description: 'invalid parameter' },
  InvalidParameterValue: { ...PERMANENT, description: 'invalid value of a parameter' },
  MissingParameter: { ...PERMANENT, description: 'missing parameter' },
  UnknownParameter: { ...PERMANENT, description: 'unknown parameter' },
  UnsupportedOperation: { ...PERMANENT, description: 'unsupported operation' },
  ResourceNotFound: { ...PERMANENT, description: 'not found' },
  RequestSizeLimitExceeded: { ...PERMANENT, description: 'the request is too large' },
  ResponseSizeLimitExceeded: { ...PERMANENT, description: 'the reply is too large' },
  ActionOffline: { ...PERMANENT, description: 'the service has retired this action' },
  InvalidAction: { ...PERMANENT, description: 'unknown action', advice: 'Check VOD_ENDPOINT.' },
  InvalidRequest: { ...PERMANENT, description: 'invalid request' },
  NoSuchProduct: { ...PERMANENT, description: 'unknown product', advice: 'Check VOD_ENDPOINT.' },
  NoSuchVersion: { ...PERMANENT, description: 'unknown version', advice: 'Check VOD_ENDPOINT.' },
  UnsupportedProtocol: { ...PERMANENT, description: 'unsupported protocol', advice: 'Check VOD_ENDPOINT.' },
  UnsupportedRegion: { ...PERMANENT, description: 'unsupported region', advice: 'Check VOD_REGION.' },
};

/** Repeated as often as a job may be: only the service knows what it means. */
const UNDOCUMENTED: Meaning = { ...RETRYABLE, description: 'undocumented code' };

/** The row of a code: its own, else that of the part before the first dot; undefined if neither is documented. */
export function api3Row(code: string): string | undefined {
  return [code, code.split('.', 1)[0] ?? ''].find((name) => Object.hasOwn(API3_MEANINGS, name));
}

/** The meaning of a code of API 3.0; every code has one. */
export function api3Meaning(code: string): Meaning {
  const row = api3Row(code);
  return (row === undefined ? undefined : API3_MEANINGS[row]) ?? UNDOCUMENTED;
}
