import { describe, expect, it } from 'vitest';
import { defined } from '../../../src/base/defined.ts';
import { Circuit, probeIntervalMs } from '../../../src/quota/circuit.ts';
import type { HoldKind, SystemicFailure } from '../../../src/quota/hold.ts';

const INTERVALS = { outage: 2000, account: 30_000 };

const failure = (kind: HoldKind, retryAfterMs?: number): SystemicFailure =>
  defined({ kind, code: kind.toUpperCase(), message: `it is ${kind}`, retryAfterMs });

/** A circuit with a clock that only `pass` advances. */
function createCircuit() {
  let nowMs = 1_000_000;
  const circuit = new Circuit(INTERVALS, () => nowMs);
  return {
    circuit,
    pass: (ms: number) => {
      nowMs += ms;
    },
    fail: (kind: HoldKind, times = 1, retryAfterMs?: number) => {
      for (let time = 0; time < times; time++) circuit.requestFailed(failure(kind, retryAfterMs));
    },
  };
}

describe('the circuit', () => {
  it.each([
    ['account', 1],
    ['clock', 1],
    ['outage', 5],
    ['blocked', 5],
  ] as const)('for %s opens after %i consecutive failures', (kind, failures) => {
    const { circuit, fail } = createCircuit();
    fail(kind, failures - 1);
    expect(circuit.isOpen).toBe(false);
    fail(kind);
    expect(circuit.isOpen).toBe(true);
    expect(circuit.lastFailure?.kind).toBe(kind);
  });

  it('stays closed when answers come between the failures', () => {
    const { circuit, fail } = createCircuit();
    for (let round = 0; round < 10; round++) {
      fail('outage', 4);
      circuit.requestAnswered();
    }
    expect([circuit.isOpen, circuit.lastFailure]).toEqual([false, undefined]);
  });

  it('counts consecutive failures of different kinds together', () => {
    const { circuit, fail } = createCircuit();
    fail('blocked', 2);
    fail('outage', 2);
    fail('blocked');
    expect(circuit.isOpen).toBe(true);
  });

  it('closes at the first answer, to a job or to a probe', () => {
    const { circuit, fail } = createCircuit();
    fail('outage', 5);
    circuit.requestAnswered();
    expect(circuit.isOpen).toBe(false);
    fail('account');
    circuit.probeAnswered();
    expect(circuit.isOpen).toBe(false);
  });

  it('opens at the start when VOD refuses the key, and not when VOD does not answer', () => {
    const refused = createCircuit().circuit;
    refused.probeFailed(failure('account'));
    expect([refused.isOpen, refused.probeInMs]).toEqual([true, 30_000]);
    const unanswered = createCircuit().circuit;
    unanswered.probeFailed(failure('outage'));
    expect(unanswered.isOpen).toBe(false);
  });
});

describe('probes', () => {
  it.each(['outage', 'blocked', 'account', 'clock'] as const)(
    'of %s are due at once, and then at intervals',
    (kind) => {
      const { circuit, pass, fail } = createCircuit();
      fail(kind, 5);
      expect(circuit.probeInMs).toBe(0);
      for (let probe = 0; probe < 3; probe++) {
        circuit.probeFailed(failure(kind));
        expect(circuit.probeInMs).toBe(probeIntervalMs(kind, INTERVALS));
        pass(circuit.probeInMs - 1);
        expect(circuit.probeInMs).toBe(1);
        pass(1);
        expect(circuit.probeInMs).toBe(0);
      }
    },
  );

  it('wait at least as long as Retry-After says', () => {
    const { circuit, fail } = createCircuit();
    fail('outage', 5, 60_000);
    expect(circuit.probeInMs).toBe(60_000);
    circuit.probeFailed(failure('outage', 90_000));
    expect(circuit.probeInMs).toBe(90_000);
    circuit.probeFailed(failure('outage', 0));
    expect(circuit.probeInMs).toBe(2000);
  });

  it('are due at once when others are answered again', () => {
    const { circuit, fail } = createCircuit();
    fail('account');
    circuit.probeFailed(failure('account'));
    circuit.probeNow();
    expect([circuit.isOpen, circuit.probeInMs]).toEqual([true, 0]);
  });

  it('go on after an error that says nothing about other requests', () => {
    const { circuit, fail } = createCircuit();
    fail('account');
    circuit.probeFailed();
    expect([circuit.isOpen, circuit.probeInMs]).toEqual([true, 30_000]);
  });

  it('wait for their interval when one was answered and jobs fail all the same', () => {
    const { circuit, pass, fail } = createCircuit();
    fail('account');
    circuit.probeAnswered();
    pass(29_999);
    fail('account');
    expect(circuit.probeInMs).toBe(30_000);
    circuit.probeAnswered();
    pass(30_000);
    fail('account');
    expect(circuit.probeInMs).toBe(0);
  });
});

describe('the scope', () => {
  /** Open, and confirmed by a failed probe. */
  function openCircuit(kind: HoldKind = 'account') {
    const all = createCircuit();
    all.fail(kind, 5);
    all.circuit.probeFailed(failure(kind));
    return all;
  }

  it('is unknown until a probe has failed too', () => {
    const { circuit, pass, fail } = createCircuit();
    expect(circuit.scope(10)).toBe('unknown');
    fail('outage', 5);
    pass(1000);
    expect(circuit.scope(undefined)).toBe('unknown');
    expect(circuit.scope(10)).toBe('unknown');
    circuit.probeFailed(failure('outage'));
    expect(circuit.scope(10)).toBe('local');
  });

  it('is local when another process was answered after the first failure', () => {
    const { circuit, pass } = openCircuit();
    pass(1000);
    expect(circuit.scope(999)).toBe('local');
  });

  it('is global when no other was answered, once the others had time to reply', () => {
    const { circuit, pass } = openCircuit();
    pass(1000);
    // This answer is older than the first failure.
    expect(circuit.scope(1000)).toBe('ask');
    expect(circuit.scope(1000)).toBe('wait');
    pass(3999);
    expect(circuit.scope(4999)).toBe('wait');
    pass(1);
    expect(circuit.scope(5000)).toBe('global');
    pass(3_600_000);
    expect(circuit.scope(undefined)).toBe('global');
  });

  it('is local when another is answered while this one waits for replies, or later', () => {
    const { circuit, pass } = openCircuit();
    expect(circuit.scope(undefined)).toBe('ask');
    pass(1000);
    expect(circuit.scope(10)).toBe('local');
    const late = openCircuit();
    late.circuit.scope(undefined);
    late.pass(4000);
    expect(late.circuit.scope(undefined)).toBe('global');
    expect(late.circuit.scope(10)).toBe('local');
  });

  it.each([
    ['outage', 30_000],
    ['blocked', 30_000],
    ['account', 150_000],
    ['clock', 150_000],
  ] as const)(
    'of %s is asked for again when the others’ last answer is older than %i ms',
    (kind, recentMs) => {
      const { circuit, pass } = openCircuit(kind);
      pass(10);
      expect(circuit.scope(0)).toBe('local');
      pass(recentMs - 1);
      expect(circuit.scope(recentMs - 1)).toBe('local');
      pass(1);
      expect(circuit.scope(recentMs)).toBe('ask');
      pass(4000);
      expect(circuit.scope(recentMs + 4000)).toBe('global');
    },
  );

  it('is determined anew when the circuit opens again', () => {
    const { circuit, pass, fail } = openCircuit();
    circuit.scope(undefined);
    pass(4000);
    expect(circuit.scope(undefined)).toBe('global');
    circuit.probeAnswered();
    expect(circuit.scope(undefined)).toBe('unknown');
    pass(40_000);
    fail('account');
    circuit.probeFailed(failure('account'));
    expect(circuit.scope(undefined)).toBe('ask');
  });

  it('is asked for at once when VOD refuses the account to a job just after it answered a probe', () => {
    const { circuit, fail } = createCircuit();
    fail('account');
    circuit.probeAnswered();
    fail('account');
    expect(circuit.scope(undefined)).toBe('ask');
    const blocked = createCircuit();
    blocked.fail('blocked', 5);
    blocked.circuit.probeAnswered();
    blocked.fail('blocked', 5);
    expect([blocked.circuit.isOpen, blocked.circuit.scope(undefined)]).toEqual([true, 'unknown']);
  });
});
