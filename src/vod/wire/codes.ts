import type { VodAction } from './protocol.ts';
import type { FailureKind, FailureReason, Trouble } from './vod-error.ts';

/** What a code of the service means and what becomes of the call. `by-can-retry`: 1 is retryable, all else permanent. */
export interface CodeMeaning {
  readonly what: string;
  readonly kind: FailureKind | 'by-can-retry';
  /** Instead of permanent, where `by-can-retry` comes to that. */
  readonly otherwise?: FailureKind;
  readonly reason: FailureReason;
  /** Unless the kind says it. */
  readonly trouble?: Trouble;
  /** Whether a wrong clock of this machine can be the cause. */
  readonly byClock?: true;
  /** What a person can do about it. */
  readonly advice?: string;
  /** Only for quota: how long to hold every call of the action, in ms. */
  readonly holdMs?: number;
}

/**
 * The quota counts by the minute, so a quarter of one frees about a quarter of it; where a minute is shorter, so
 * is the hold. The quotas' own rate limit makes
 * this rare; a short hold costs one refused request, a long one leaves quota unused.
 */
export const QUOTA_HOLD_MS = 15_000;

const SOMEBODY_MUST_LOOK = 'The same request would be refused again.';
const CHECK_KEY = 'Check VOD_SECRET_ID and VOD_SECRET_KEY; every other call will be refused as well.';
const CHECK_CLOCK = "If it persists, check this machine's clock: it must be within 2 hours of the service's.";

/** The service's error table, code by code. Ranges that it names as a whole are in `CODE_RANGES`. */
export const CODE_MEANINGS: Readonly<Record<string, CodeMeaning>> = {
  '-10001': {
    what: 'common parameters rejected',
    kind: 'by-can-retry',
    otherwise: 'account',
    reason: 'vod',
    byClock: true,
    advice: 'Check VOD_SECRET_ID and VOD_REGION, which every call has.',
  },
  '-10002': {
    what: 'signature rejected',
    kind: 'by-can-retry',
    otherwise: 'account',
    reason: 'signature',
    advice: CHECK_KEY,
  },
  '-10003': { what: 'protocol parameters rejected', kind: 'by-can-retry', reason: 'vod' },
  '-10004': { what: "writing the service's cache failed", kind: 'by-can-retry', reason: 'vod' },
  '-10005': { what: "reading the service's cache failed", kind: 'by-can-retry', reason: 'vod' },
  '-10006': { what: 'invalid packet size', kind: 'by-can-retry', reason: 'vod' },
  '4000': { what: 'bad request parameter', kind: 'permanent', reason: 'vod', advice: SOMEBODY_MUST_LOOK },
  '4100': {
    what: 'authentication failed',
    kind: 'account',
    reason: 'signature',
    advice: CHECK_KEY,
  },
  '4200': {
    what: 'request expired',
    kind: 'resign',
    reason: 'signature',
    byClock: true,
    advice: CHECK_CLOCK,
  },
  '4300': {
    what: 'access denied',
    kind: 'account',
    reason: 'vod',
    advice: 'Check that the account of VOD_SECRET_ID may use VOD; every other call will be refused as well.',
  },
  '4400': {
    what: 'quota exceeded',
    kind: 'quota',
    reason: 'quota',
    holdMs: QUOTA_HOLD_MS,
    advice:
      "Lower VOD_QUOTA_INIT_PER_MINUTE, VOD_QUOTA_PART_PER_MINUTE or VOD_QUOTA_FINISH_PER_MINUTE to this account's share.",
  },
  '4500': {
    what: 'replayed request (Nonce or Timestamp)',
    kind: 'resign',
    reason: 'signature',
    byClock: true,
    advice: CHECK_CLOCK,
  },
  '4600': { what: 'unsupported protocol', kind: 'permanent', reason: 'vod', advice: 'Check VOD_ENDPOINT.' },
  '5100': { what: 'operation failed, try later', kind: 'retryable', reason: 'vod' },
  '6000': { what: 'server error', kind: 'retryable', reason: 'vod' },
  '6100': {
    what: 'API not supported here',
    kind: 'permanent',
    reason: 'vod',
    advice: 'Check VOD_ENDPOINT: each API has its own host (uploads: vod2.qcloud.com).',
  },
  '6200': { what: 'under maintenance', kind: 'retryable', reason: 'vod', trouble: 'outage' },
};

/**
 * Codes that the table has no row for. `5xxx` is a row of the service's; the rest is decided here: below 0 is "often
 * a passing network fault", by `canRetry`; an undocumented 4xxx is a refused request and an undocumented 6xxx the
 * server's trouble, like their documented neighbours; anything else goes by `canRetry`.
 */
const CODE_RANGES: readonly (CodeMeaning & { readonly from: number; readonly to: number })[] = [
  { from: Number.NEGATIVE_INFINITY, to: -1, what: 'failed', kind: 'by-can-retry', reason: 'vod' },
  {
    from: 4000,
    to: 4999,
    what: 'request refused',
    kind: 'permanent',
    reason: 'vod',
    advice: SOMEBODY_MUST_LOOK,
  },
  {
    from: 5000,
    to: 5999,
    what: 'resource error',
    kind: 'permanent',
    reason: 'vod',
    advice: SOMEBODY_MUST_LOOK,
  },
  { from: 6000, to: 6999, what: 'server trouble', kind: 'retryable', reason: 'vod' },
  { from: 0, to: Number.POSITIVE_INFINITY, what: 'undocumented code', kind: 'by-can-retry', reason: 'vod' },
];

/** ConvertVodFile's own: the file is not in a state to be transcoded, too new for instance, or it is being so already. */
export const UNEXPECTED_FILE_STATUS = 10_009;

const INTERNAL: CodeMeaning = { what: 'internal error', kind: 'retryable', reason: 'vod' };

/** The codes that the calls for what comes after an upload have for themselves. */
export const API_CODE_MEANINGS: Readonly<Record<string, CodeMeaning>> = {
  '1': INTERNAL,
  '1000': { what: 'invalid parameter', kind: 'permanent', reason: 'vod', advice: SOMEBODY_MUST_LOOK },
  '1001': INTERNAL,
  '2000': INTERNAL,
  [UNEXPECTED_FILE_STATUS]: { what: 'unexpected file status', kind: 'retryable', reason: 'vod' },
};

const UPLOAD_ACTIONS: readonly VodAction[] = ['InitUpload', 'UploadPart', 'FinishUpload'];

/** What the service's code means; every integer has a meaning. */
export function codeMeaning(code: number, action: VodAction): CodeMeaning {
  const meaning =
    (UPLOAD_ACTIONS.includes(action) ? undefined : API_CODE_MEANINGS[String(code)]) ??
    CODE_MEANINGS[String(code)] ??
    CODE_RANGES.find(({ from, to }) => code >= from && code <= to);
  if (meaning === undefined) throw new RangeError(`not a code: ${code}`);
  return meaning;
}
