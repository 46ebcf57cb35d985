import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeHold, parseHold, setbackOf } from '../../../src/quota/hold.ts';
import { refusalError, transportError } from '../../../src/vod/wire/classify.ts';
import { TROUBLES } from '../../../src/vod/wire/vod-error.ts';

describe('parseHold', () => {
  it.each(TROUBLES)('reads a hold for %s', (kind) => {
    const hold = { kind, since: 1, code: 'NETWORK', message: 'm' };
    expect(parseHold(JSON.stringify(hold))).toEqual(hold);
  });

  it('reads nothing else that may be in Redis, nor a kind of a later version', () => {
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
    ['outage', /^VOD does not answer; .*uploads go on when it does: m\?x \[C\]$/],
    ['blocked', /^something on the way answers in place of VOD; .*uploads go on when VOD does: m\?x \[C\]$/],
    ['account', /^VOD refuses the account of the workers; uploads go on when that is mended: m\?x \[C\]$/],
    ['clock', /^VOD refuses what is signed by the clock .*; uploads go on when that is set: m\?x \[C\]$/],
  ] as const)('%s', (kind, text) => {
    expect(describeHold({ kind, since: 1, code: 'C', message: 'm\nx' })).toMatch(text);
  });
});

describe('setbackOf', () => {
  it('is what a failure says of all requests, and nothing of one that is about itself', () => {
    const out = transportError('InitUpload', { code: 'HTTP_503', outcomeUnknown: true, retryAfterMs: 7000 });
    expect(setbackOf(out)).toEqual({
      kind: 'outage',
      code: 'HTTP_503',
      message: out.message,
      retryAfterMs: 7000,
    });
    expect(setbackOf(refusalError('InitUpload', { code: -10002, canRetry: 0 }))).toMatchObject({
      kind: 'account',
      code: '-10002',
    });
    expect(setbackOf(refusalError('InitUpload', { code: -10006, canRetry: 0 }))).toBeUndefined();
    expect(
      setbackOf(transportError('InitUpload', { code: 'HTTP_429', outcomeUnknown: true })),
    ).toBeUndefined();
  });
});
