import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countPartStates, type PartFacts, partStates } from '../../../src/status/part-states.ts';

const facts = (some: Partial<PartFacts>): PartFacts => ({
  count: 8,
  missing: [],
  sent: [],
  sending: [],
  retrying: [],
  failed: [],
  ...some,
});

describe('partStates', () => {
  it('tells what has become of each part', () => {
    const missing = [
      [1, 2],
      [4, 7],
    ] as const;
    expect(partStates(facts({ missing, sent: [1], sending: [2], retrying: [4], failed: [5] }))).toEqual([
      ...['skipped', 'sent', 'sending', 'skipped'],
      ...['retrying', 'failed', 'waiting', 'waiting'],
    ]);
  });

  it('takes a part as sent that a queue had as under way a moment earlier', () => {
    const [state] = partStates(facts({ missing: [[0, 7]], sending: [0], retrying: [0], sent: [0] }));
    expect(state).toBe('sent');
  });

  it('leaves out what is no part of the file, whatever is in Redis', () => {
    const huge = Number.MAX_SAFE_INTEGER;
    const states = partStates(facts({ missing: [[6, huge]], sent: [8, huge], sending: [99] }));
    expect(states).toHaveLength(8);
    expect(countPartStates(states)).toMatchObject({ skipped: 6, waiting: 2, sent: 0, sending: 0 });
  });

  it('counts every part once', () => {
    const indices = fc.array(fc.nat(300));
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.array(fc.tuple(fc.nat(250), fc.nat(250))),
        ...([indices, indices, indices, indices] as const),
        (count, missing, sent, sending, retrying, failed) => {
          const states = partStates({ count, missing, sent, sending, retrying, failed });
          const counted = Object.values(countPartStates(states)).reduce((sum, many) => sum + many, 0);
          expect([states.length, counted]).toEqual([count, count]);
        },
      ),
    );
  });
});
