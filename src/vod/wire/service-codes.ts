import type { VodAction } from './protocol.ts';
import type { FailureKind, FailureReason, SystemicCause } from './vod-error.ts';

/** What the tables say about a code of any protocol. */
export interface Meaning {
  readonly description: string;
  readonly kind: FailureKind;
  readonly reason: FailureReason;
  /** Not needed for kinds `account` and `clock`, which are systemic. */
  readonly systemicCause?: SystemicCause;
  /** Whether a wrong clock of this machine can be the cause. */
  readonly clockRelated?: true;
  /** What a person can do about it. */
  readonly advice?: string;
  /** Only for quota: how long to hold every call of the action, in ms. */
  readonly holdMs?: number;
}

/** Meaning of a code of v2. `by-can-retry`: retryable if `canRetry` is 1, else `fallbackKind`. */
export interface CodeMeaning extends Omit<Meaning, 'kind'> {
  readonly kind: FailureKind | 'by-can-retry';
  /** For `by-can-retry`; default permanent. */
  readonly fallbackKind?: FailureKind;
}

/**
 * How long a used-up quota holds an action. The quota is per minute, so a quarter of a minute frees about a quarter of
 * it. The queues' own rate limits make this rare. A short hold costs one refused request, a long one leaves quota unused.
 */
export const QUOTA_HOLD_MS = 15_000;

const NO_RETRY = 'The same request would be refused again.';
const CHECK_KEY = 'Check VOD_SECRET_ID and VOD_SECRET_KEY; every other call will be refused as well.';
const CHECK_CLOCK = "If it persists, check this machine's clock: it must be within 2 hours of the service's.";

/** The service's error table. Ranges of codes are in `CODE_RANGES`. */
export const CODE_MEANINGS: Readonly<Record<string, CodeMeaning>> = {
  '-10001': {
    description: 'common parameters rejected',
    kind: 'by-can-retry',
    fallbackKind: 'account',
    reason: 'vod',
    clockRelated: true,
    advice: 'Check VOD_SECRET_ID and VOD_REGION, which every call has.',
  },
  '-10002': {
    description: 'signature rejected',
    kind: 'by-can-retry',
    fallbackKind: 'account',
    reason: 'signature',
    advice: CHECK_KEY,
  },
  '-10003': { description: 'protocol parameters rejected', kind: 'by-can-retry', reason: 'vod' },
  '-10004': { description: "writing the service's cache failed", kind: 'by-can-retry', reason: 'vod' },
  '-10005': { description: "reading the service's cache failed", kind: 'by-can-retry', reason: 'vod' },
  '-10006': { description: 'invalid packet size', kind: 'by-can-retry', reason: 'vod' },
  '4000': { description: 'bad request parameter', kind: 'permanent', reason: 'vod', advice: NO_RETRY },
  '4100': {
    description: 'authentication failed',
    kind: 'account',
    reason: 'signature',
    advice: CHECK_KEY,
  },
  '4200': {
    description: 'request expired',
    kind: 'resign',
    reason: 'signature',
    clockRelated: true,
    advice: CHECK_CLOCK,
  },
  '4300': {
    description: 'access denied',
    kind: 'account',
    reason: 'vod',
    advice: 'Check that the account of VOD_SECRET_ID may use VOD; every other call will be refused as well.',
  },
  '4400': {
    description: 'quota exceeded',
    kind: 'quota',
    reason: 'quota',
    holdMs: QUOTA_HOLD_MS,
    advice:
      "Lower VOD_QUOTA_INIT_PER_MINUTE, VOD_QUOTA_PART_PER_MINUTE or VOD_QUOTA_FINISH_PER_MINUTE to this account's share.",
  },
  '4500': {
    description: 'replayed request (Nonce or Timestamp)',
    kind: 'resign',
    reason: 'signature',
    clockRelated: true,
    advice: CHECK_CLOCK,
  },
  '4600': {
    description: 'unsupported protocol',
    kind: 'permanent',
    reason: 'vod',
    advice: 'Check VOD_ENDPOINT.',
  },
  '5100': { description: 'operation failed, try later', kind: 'retryable', reason: 'vod' },
  '6000': { description: 'server error', kind: 'retryable', reason: 'vod' },
  '6100': {
    description: 'API not supported here',
    kind: 'permanent',
    reason: 'vod',
    advice: 'Check VOD_ENDPOINT: each API has its own host (uploads: vod2.qcloud.com).',
  },
  '6200': { description: 'under maintenance', kind: 'retryable', reason: 'vod', systemicCause: 'outage' },
};

/**
 * Codes without a row of their own. The service documents `5xxx`, and codes below 0 as "often a passing network fault",
 * by `canRetry`. The rest is decided here: an undocumented 4xxx is a refused request and an undocumented 6xxx a server
 * failure, like the documented codes next to them; any other code goes by `canRetry`.
 */
const CODE_RANGES: readonly (CodeMeaning & { readonly from: number; readonly to: number })[] = [
  { from: Number.NEGATIVE_INFINITY, to: -1, description: 'failed', kind: 'by-can-retry', reason: 'vod' },
  {
    from: 4000,
    to: 4999,
    description: 'request refused',
    kind: 'permanent',
    reason: 'vod',
    advice: NO_RETRY,
  },
  {
    from: 5000,
    to: 5999,
    description: 'resource error',
    kind: 'permanent',
    reason: 'vod',
    advice: NO_RETRY,
  },
  { from: 6000, to: 6999, description: 'server failure', kind: 'retryable', reason: 'vod' },
  {
    from: 0,
    to: Number.POSITIVE_INFINITY,
    description: 'undocumented code',
    kind: 'by-can-retry',
    reason: 'vod',
  },
];

/** Of ConvertVodFile: the file can't be transcoded now; for example it is too new, or is being transcoded already. */
export const UNEXPECTED_FILE_STATUS = 10_009;

const INTERNAL: CodeMeaning = { description: 'internal error', kind: 'retryable', reason: 'vod' };

/** Codes of the calls after an upload; they come before the common table. */
export const API_CODE_MEANINGS: Readonly<Record<string, CodeMeaning>> = {
  '1': INTERNAL,
  '1000': { description: 'invalid parameter', kind: 'permanent', reason: 'vod', advice: NO_RETRY },
  '1001': INTERNAL,
  '2000': INTERNAL,
  [UNEXPECTED_FILE_STATUS]: { description: 'unexpected file status', kind: 'retryable', reason: 'vod' },
};

const UPLOAD_ACTIONS: readonly VodAction[] = ['InitUpload', 'UploadPart', 'FinishUpload'];

/** The meaning of a service code; every integer has one. */
export function codeMeaning(code: number, action: VodAction): CodeMeaning {
  const meaning =
    (UPLOAD_ACTIONS.includes(action) ? undefined : API_CODE_MEANINGS[String(code)]) ??
    CODE_MEANINGS[String(code)] ??
    CODE_RANGES.find(({ from, to }) => code >= from && code <= to);
  if (meaning === undefined) throw new RangeError(`not a code: ${code}`);
  return meaning;
}
