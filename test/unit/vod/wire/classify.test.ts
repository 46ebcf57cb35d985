import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UploaderError } from '../../../../src/base/errors.ts';
import { refusalError, transportError } from '../../../../src/vod/wire/classify.ts';
import { QUOTA_HOLD_MS } from '../../../../src/vod/wire/service-codes.ts';
import { classifyNodeCode, type TransportCode } from '../../../../src/vod/wire/transport-codes.ts';
import {
  type FailureKind,
  type FailureReason,
  type SystemicCause,
  VodError,
  VodTransportError,
} from '../../../../src/vod/wire/vod-error.ts';

/** The service's error table, written a second time: code, canRetry, kind, reason, systemicCause. */
const TABLE: [number, 0 | 1 | undefined, FailureKind, FailureReason, SystemicCause?][] = [
  ...[-10003, -10004, -10005, -10006, -1, -9999, -10007, -2_000_000].flatMap(
    (code): [number, 0 | 1 | undefined, FailureKind, FailureReason][] => [
      [code, 1, 'retryable', 'vod'],
      [code, 0, 'permanent', 'vod'],
      [code, undefined, 'permanent', 'vod'],
    ],
  ),
  // Parameters that every call has: all calls are refused.
  [-10001, 1, 'retryable', 'vod'],
  [-10001, 0, 'account', 'vod', 'account'],
  [-10001, undefined, 'account', 'vod', 'account'],
  [-10002, 1, 'retryable', 'signature'],
  [-10002, 0, 'account', 'signature', 'account'],
  [-10002, undefined, 'account', 'signature', 'account'],
  [4000, undefined, 'permanent', 'vod'],
  [4000, 1, 'permanent', 'vod'],
  [4100, undefined, 'account', 'signature', 'account'],
  [4100, 1, 'account', 'signature', 'account'],
  [4300, undefined, 'account', 'vod', 'account'],
  [4200, 0, 'resign', 'signature'],
  [4500, undefined, 'resign', 'signature'],
  [4400, 0, 'quota', 'quota'],
  [4600, undefined, 'permanent', 'vod'],
  [5000, undefined, 'permanent', 'vod'],
  [5100, undefined, 'retryable', 'vod'],
  [5100, 0, 'retryable', 'vod'],
  [5300, 1, 'permanent', 'vod'],
  [5999, undefined, 'permanent', 'vod'],
  [6000, undefined, 'retryable', 'vod'],
  [6100, 1, 'permanent', 'vod'],
  [6200, 0, 'retryable', 'vod', 'outage'],
  // Not in the table; decided by the client.
  [4700, 1, 'permanent', 'vod'],
  [6300, 0, 'retryable', 'vod'],
  [3, undefined, 'permanent', 'vod'],
  [3, 1, 'retryable', 'vod'],
  [7000, 1, 'retryable', 'vod'],
];

describe('refusalError', () => {
  test.each(TABLE)(
    'code %i with canRetry %s is %s, reason %s',
    (code, canRetry, kind, reason, systemicCause) => {
      const error = refusalError('UploadPart', { code, canRetry, message: 'because' });
      expect(error).toBeInstanceOf(UploaderError);
      expect(error).not.toBeInstanceOf(VodTransportError);
      expect(error).toMatchObject({
        name: 'VodError',
        code: String(code),
        action: 'UploadPart',
        kind,
        reason,
        canRetry,
        outcomeUnknown: false,
        systemicCause,
        retryable: ['retryable', 'resign', 'quota'].includes(kind),
        holdMs: kind === 'quota' ? QUOTA_HOLD_MS : undefined,
      });
      expect(error.message).toContain('UploadPart');
      expect(error.message).toContain(`code ${code} `);
      expect(error.message).toContain('"because"');
      expect(error.message).toContain(canRetry === undefined ? 'canRetry not given' : `canRetry ${canRetry}`);
    },
  );

  test.each([
    [4100, /VOD_SECRET_ID and VOD_SECRET_KEY/],
    [-10002, /VOD_SECRET_ID and VOD_SECRET_KEY/],
    [-10001, /VOD_SECRET_ID and VOD_REGION/],
    [4200, /clock/],
    [4500, /clock/],
    [6100, /VOD_ENDPOINT/],
    [4400, /VOD_QUOTA_/],
    [4300, /VOD_SECRET_ID/],
  ])('code %i says what to do', (code, advice) => {
    expect(refusalError('InitUpload', { code }).message).toMatch(advice);
  });

  const HOUR_MS = 3_600_000;
  test.each([
    [4500, 3 * HOUR_MS + 120_000, 'clock', "This machine's clock is 3 h 2 min ahead of VOD's: set it (NTP)."],
    [4200, -3 * HOUR_MS, 'clock', "This machine's clock is 3 h behind VOD's: set it (NTP)."],
    [-10001, 61_000, 'clock', "This machine's clock is 1 min ahead of VOD's: set it (NTP)."],
    [4500, 59_000, 'resign', "If it persists, check this machine's clock"],
    [4500, undefined, 'resign', "If it persists, check this machine's clock"],
    [-10001, -59_000, 'account', 'Check VOD_SECRET_ID'],
    [4100, 3 * HOUR_MS, 'account', 'Check VOD_SECRET_ID'],
  ] as const)('code %i with a clock %s ms ahead is %s', (code, aheadMs, kind, words) => {
    const error = refusalError('UploadPart', { code, canRetry: 0 }, aheadMs);
    const systemicCause = kind === 'resign' ? undefined : kind;
    expect(error).toMatchObject({ kind, systemicCause, retryable: kind !== 'account' });
    expect(error.message).toContain(words);
  });

  test("the service's message becomes one line of limited length", () => {
    const message = `line 1\r\nline 2\u0000\u001b[31m\u2028\u202e${'x'.repeat(5000)}`;
    const error = refusalError('InitUpload', { code: -1, message, codeDesc: 'Oops' });
    expect(error.message).toContain('"Oops: line 1 line 2 [31m xxx');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must be removed
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    expect(error.message.length).toBeLessThan(450);
  });

  test('without a message there are no empty quotes', () => {
    expect(refusalError('FinishUpload', { code: -10004, message: '' }).message).toBe(
      "FinishUpload refused with code -10004 (writing the service's cache failed, canRetry not given).",
    );
  });

  test('every integer is classified, and only a code below 0 or undocumented depends on canRetry', () => {
    fc.assert(
      fc.property(fc.integer(), (code) => {
        const [yes, no] = [1, 0].map((canRetry) =>
          refusalError('InitUpload', { code, canRetry: canRetry as 0 | 1 }),
        );
        expect(yes?.kind === no?.kind).toBe(code >= 4000 && code < 7000);
      }),
      { examples: [[0], [3999], [4000], [6999], [7000], [-1]] },
    );
  });
});

/** Codes of Node and got, and their classification. */
const NODE_CODES: [string | undefined, TransportCode, FailureReason][] = [
  ['ECONNREFUSED', 'NETWORK', 'network'],
  ['ECONNRESET', 'NETWORK', 'network'],
  ['EPIPE', 'NETWORK', 'network'],
  ['ENOTFOUND', 'NETWORK', 'network'],
  ['EAI_AGAIN', 'NETWORK', 'network'],
  ['EHOSTUNREACH', 'NETWORK', 'network'],
  ['ENETUNREACH', 'NETWORK', 'network'],
  ['ETIMEDOUT', 'TIMEOUT', 'timeout'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS', 'network'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'TLS', 'network'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'TLS', 'network'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'TLS', 'network'],
  ['CERT_HAS_EXPIRED', 'TLS', 'network'],
  ['CERT_NOT_YET_VALID', 'TLS', 'network'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'TLS', 'network'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS', 'network'],
  ['EPROTO', 'TLS', 'network'],
  ['INVALID_CA', 'TLS', 'network'],
  ['HOSTNAME_MISMATCH', 'TLS', 'network'],
  ['ERR_PROXY_TUNNEL', 'PROXY', 'network'],
  ['HPE_INVALID_CONSTANT', 'MALFORMED_REPLY', 'network'],
  ['ERR_HTTP_CONTENT_LENGTH_MISMATCH', 'MALFORMED_REPLY', 'network'],
  ['Z_DATA_ERROR', 'MALFORMED_REPLY', 'network'],
  ['ESOMETHINGNEW', 'NETWORK', 'network'],
  [undefined, 'NETWORK', 'network'],
];

describe('transportError', () => {
  test.each(NODE_CODES)('%s is %s, reason %s', (nodeCode, code, reason) => {
    expect(classifyNodeCode(nodeCode).code).toBe(code);
    expect(transportError('InitUpload', { code, outcomeUnknown: true }).reason).toBe(reason);
  });

  test.each([
    ['TIMEOUT', 'timeout', 'outage'],
    ['NETWORK', 'network', 'outage'],
    ['TLS', 'network', 'outage'],
    ['PROXY', 'network', 'outage'],
    ['HTTP_500', 'http_5xx', 'outage'],
    ['HTTP_503', 'http_5xx', 'outage'],
    ['HTTP_403', 'network', 'blocked'],
    ['HTTP_404', 'network', 'blocked'],
    ['HTTP_407', 'network', 'blocked'],
    ['HTTP_304', 'network', 'blocked'],
    ['REDIRECT', 'network', 'blocked'],
    ['MALFORMED_REPLY', 'network', 'blocked'],
    ['REPLY_TOO_LARGE', 'network', 'blocked'],
    ['ABORTED', 'network', undefined],
    ['CREDENTIALS', 'signature', 'account'],
  ] as const)('%s is retryable, reason %s, systemicCause %s', (code, reason, systemicCause) => {
    const cause = new Error('inner');
    const error = transportError('FinishUpload', { code, outcomeUnknown: true, cause });
    expect(error).toBeInstanceOf(VodError);
    expect(error).toMatchObject({
      name: 'VodTransportError',
      code,
      reason,
      kind: 'retryable',
      retryable: true,
      systemicCause,
      outcomeUnknown: true,
      canRetry: undefined,
      holdMs: undefined,
      cause,
    });
    expect(error.message).toContain(`FinishUpload got no answer (${code})`);
  });

  test.each(['HTTP_413', 'HTTP_414', 'HTTP_431'] as const)('%s would repeat, so it is permanent', (code) => {
    const error = transportError('InitUpload', { code, outcomeUnknown: true });
    expect(error).toMatchObject({ kind: 'permanent', retryable: false, systemicCause: undefined });
  });

  test.each([
    [undefined, QUOTA_HOLD_MS],
    [0, 0],
    [42_000, 42_000],
  ])('HTTP_429 is a quota failure; Retry-After: %s ms', (retryAfterMs, holdMs) => {
    const error = transportError('InitUpload', { code: 'HTTP_429', outcomeUnknown: true, retryAfterMs });
    expect(error).toMatchObject({
      kind: 'quota',
      reason: 'quota',
      retryable: true,
      systemicCause: undefined,
      holdMs,
    });
    expect(error.message).toMatch(/VOD_QUOTA_PART_PER_MINUTE.*with API 3\.0, VOD_QUOTA_PER_SECOND/);
  });

  test.each(['MALFORMED_REPLY', 'REDIRECT', 'HTTP_403'] as const)(
    '%s names the variables of all endpoints',
    (code) => {
      const error = transportError('HeadObject', { code, outcomeUnknown: true });
      expect(error.message).toMatch(/check VOD_ENDPOINT \(VOD_COS_ENDPOINT for a bucket, VOD_EVENT_ENDPOINT/);
    },
  );

  test('HTTP_503 has the time of Retry-After', () => {
    const error = transportError('InitUpload', {
      code: 'HTTP_503',
      outcomeUnknown: true,
      retryAfterMs: 9000,
    });
    expect(error).toMatchObject({ kind: 'retryable', retryAfterMs: 9000, holdMs: undefined });
  });

  test('a TLS failure says so', () => {
    expect(transportError('InitUpload', { code: 'TLS', outcomeUnknown: false }).message).toMatch(
      /TLS.*certificate/,
    );
  });
});
