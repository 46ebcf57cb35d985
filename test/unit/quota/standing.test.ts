import { describe, expect, it } from 'vitest';
import type { HoldKind, Setback } from '../../../src/quota/hold.ts';
import { probeMsOf, Standing } from '../../../src/quota/standing.ts';

const PROBES = { outage: 2000, account: 30_000 };

const setback = (kind: HoldKind, retryAfterMs?: number): Setback => ({
  kind,
  code: kind.toUpperCase(),
  message: `it is ${kind}`,
  ...(retryAfterMs !== undefined && { retryAfterMs }),
});

/** With a clock that stands still until it is told to go on. */
function standing() {
  let nowMs = 1_000_000;
  const one = new Standing(PROBES, () => nowMs);
  return {
    one,
    pass: (ms: number) => {
      nowMs += ms;
    },
    fail: (kind: HoldKind, times = 1, retryAfterMs?: number) => {
      for (let time = 0; time < times; time++) one.failed(setback(kind, retryAfterMs));
    },
  };
}

describe('a process is out', () => {
  it.each([
    ['account', 1],
    ['clock', 1],
    ['outage', 5],
    ['blocked', 5],
  ] as const)('for %s after %i failures in a row', (kind, failures) => {
    const { one, fail } = standing();
    fail(kind, failures - 1);
    expect(one.isOut).toBe(false);
    fail(kind);
    expect(one.isOut).toBe(true);
    expect(one.setback?.kind).toBe(kind);
  });

  it('not when an answer comes between', () => {
    const { one, fail } = standing();
    for (let round = 0; round < 10; round++) {
      fail('outage', 4);
      one.answered();
    }
    expect([one.isOut, one.setback]).toEqual([false, undefined]);
  });

  it('for what differs, when it comes in a row', () => {
    const { one, fail } = standing();
    fail('blocked', 2);
    fail('outage', 2);
    fail('blocked');
    expect(one.isOut).toBe(true);
  });

  it('until anything of its own is answered', () => {
    const { one, fail } = standing();
    fail('outage', 5);
    one.answered();
    expect(one.isOut).toBe(false);
    fail('account');
    one.probeAnswered();
    expect(one.isOut).toBe(false);
  });

  it('from the start when its key is refused then, and not when nobody answers then', () => {
    const refused = standing().one;
    refused.probeFailed(setback('account'));
    expect([refused.isOut, refused.probeInMs]).toEqual([true, 30_000]);
    const unanswered = standing().one;
    unanswered.probeFailed(setback('outage'));
    expect(unanswered.isOut).toBe(false);
  });
});

describe('probes', () => {
  it.each(['outage', 'blocked', 'account', 'clock'] as const)(
    'of %s come at once, and then at intervals',
    (kind) => {
      const { one, pass, fail } = standing();
      fail(kind, 5);
      expect(one.probeInMs).toBe(0);
      for (let probe = 0; probe < 3; probe++) {
        one.probeFailed(setback(kind));
        expect(one.probeInMs).toBe(probeMsOf(kind, PROBES));
        pass(one.probeInMs - 1);
        expect(one.probeInMs).toBe(1);
        pass(1);
        expect(one.probeInMs).toBe(0);
      }
    },
  );

  it('wait as long as Retry-After says', () => {
    const { one, fail } = standing();
    fail('outage', 5, 60_000);
    expect(one.probeInMs).toBe(60_000);
    one.probeFailed(setback('outage', 90_000));
    expect(one.probeInMs).toBe(90_000);
    one.probeFailed(setback('outage', 0));
    expect(one.probeInMs).toBe(2000);
  });

  it('come soon when others are answered again', () => {
    const { one, fail } = standing();
    fail('account');
    one.probeFailed(setback('account'));
    one.probeSoon();
    expect([one.isOut, one.probeInMs]).toEqual([true, 0]);
  });

  it('that say nothing of other requests come again as well', () => {
    const { one, fail } = standing();
    fail('account');
    one.probeFailed();
    expect([one.isOut, one.probeInMs]).toEqual([true, 30_000]);
  });

  it('that were answered and helped no job wait for their interval', () => {
    const { one, pass, fail } = standing();
    fail('account');
    one.probeAnswered();
    pass(29_999);
    fail('account');
    expect(one.probeInMs).toBe(30_000);
    one.probeAnswered();
    pass(30_000);
    fail('account');
    expect(one.probeInMs).toBe(0);
  });
});

describe('whose trouble it is', () => {
  /** Out, and known to be so by a probe that failed as well. */
  function out(kind: HoldKind = 'account') {
    const all = standing();
    all.fail(kind, 5);
    all.one.probeFailed(setback(kind));
    return all;
  }

  it('is not known before a probe has failed as well', () => {
    const { one, pass, fail } = standing();
    expect(one.verdict(10)).toBe('unknown');
    fail('outage', 5);
    pass(1000);
    expect(one.verdict(undefined)).toBe('unknown');
    expect(one.verdict(10)).toBe('unknown');
    one.probeFailed(setback('outage'));
    expect(one.verdict(10)).toBe('own');
  });

  it('is its own when another was answered since its requests fail', () => {
    const { one, pass } = out();
    pass(1000);
    expect(one.verdict(999)).toBe('own');
  });

  it('is everybody’s when nobody was, once the others had time to find out', () => {
    const { one, pass } = out();
    pass(1000);
    // That was before.
    expect(one.verdict(1000)).toBe('ask');
    expect(one.verdict(1000)).toBe('wait');
    pass(3999);
    expect(one.verdict(4999)).toBe('wait');
    pass(1);
    expect(one.verdict(5000)).toBe('all');
    pass(3_600_000);
    expect(one.verdict(undefined)).toBe('all');
  });

  it('is its own when another answer comes while the others are asked, or later', () => {
    const { one, pass } = out();
    expect(one.verdict(undefined)).toBe('ask');
    pass(1000);
    expect(one.verdict(10)).toBe('own');
    const late = out();
    late.one.verdict(undefined);
    late.pass(4000);
    expect(late.one.verdict(undefined)).toBe('all');
    expect(late.one.verdict(10)).toBe('own');
  });

  it.each([
    ['outage', 30_000],
    ['blocked', 30_000],
    ['account', 150_000],
    ['clock', 150_000],
  ] as const)('of %s is asked again when the answer of another is older than %i ms', (kind, freshMs) => {
    const { one, pass } = out(kind);
    pass(10);
    expect(one.verdict(0)).toBe('own');
    pass(freshMs - 1);
    expect(one.verdict(freshMs - 1)).toBe('own');
    pass(1);
    expect(one.verdict(freshMs)).toBe('ask');
    pass(4000);
    expect(one.verdict(freshMs + 4000)).toBe('all');
  });

  it('is looked into anew when it fails again', () => {
    const { one, pass, fail } = out();
    one.verdict(undefined);
    pass(4000);
    expect(one.verdict(undefined)).toBe('all');
    one.probeAnswered();
    expect(one.verdict(undefined)).toBe('unknown');
    pass(40_000);
    fail('account');
    one.probeFailed(setback('account'));
    expect(one.verdict(undefined)).toBe('ask');
  });

  it('is looked into at once when a probe was answered, and the account is refused to a job all the same', () => {
    const { one, fail } = standing();
    fail('account');
    one.probeAnswered();
    fail('account');
    expect(one.verdict(undefined)).toBe('ask');
    const jobs = standing();
    jobs.fail('blocked', 5);
    jobs.one.probeAnswered();
    jobs.fail('blocked', 5);
    expect([jobs.one.isOut, jobs.one.verdict(undefined)]).toEqual([true, 'unknown']);
  });
});
