import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeHold, parseHold, systemicFailure } from '../../../src/quota/hold.ts';
import { refusalError, transportError } from '../../../src/vod/wire/classify.ts';
import { SYSTEMIC_CAUSES } from '../../../src/vod/wire/vod-error.ts';

describe('parseHold', () => {
  it.each(SYSTEMIC_CAUSES)('reads a hold for %s', (kind) => {
    const hold = { kind, since: 1, code: 'NETWORK', message: 'm' };
    expect(parseHold(JSON.stringify(hold))).toEqual(hold);
  });

  it('returns undefined for any other value, and for the unknown kind of a later version', () => {
    expect(parseHold(null)).toBeUndefined();
    expect(parseHold('{"kind":"moon","since":1,"code":"c","message":"m"}')).toBeUndefined();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (value) => {
        expect(parseHold(value)).toBeUndefined();
      }),
    );
  });
});

describe('describeHold', () => {
  it.each([
    ['outage', /^VOD does not answer; .*uploads resume when it does: m\?x \[C\]$/],
    ['blocked', /^a proxy, .* answers in place of VOD; .*uploads resume when VOD answers: m\?x \[C\]$/],
    ['account', /^VOD refuses the workers' account; uploads resume when this is fixed: m\?x \[C\]$/],
    ['clock', /^VOD refuses .* clock; uploads resume when the clock is right: m\?x \[C\]$/],
  ] as const)('%s', (kind, text) => {
    expect(describeHold({ kind, since: 1, code: 'C', message: 'm\nx' })).toMatch(text);
  });
});

describe('systemicFailure', () => {
  it('describes a failure that affects all requests, and is undefined for one that concerns a single request', () => {
    const out = transportError('InitUpload', { code: 'HTTP_503', outcomeUnknown: true, retryAfterMs: 7000 });
    expect(systemicFailure(out)).toEqual({
      kind: 'outage',
      code: 'HTTP_503',
      message: out.message,
      retryAfterMs: 7000,
    });
    expect(systemicFailure(refusalError('InitUpload', { code: -10002, canRetry: 0 }))).toMatchObject({
      kind: 'account',
      code: '-10002',
    });
    expect(systemicFailure(refusalError('InitUpload', { code: -10006, canRetry: 0 }))).toBeUndefined();
    expect(
      systemicFailure(transportError('InitUpload', { code: 'HTTP_429', outcomeUnknown: true })),
    ).toBeUndefined();
  });
});
