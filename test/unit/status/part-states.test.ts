import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countPartStates, type PartIndices, partStates } from '../../../src/status/part-states.ts';

const indicesOf = (some: Partial<PartIndices>): PartIndices => ({
  count: 8,
  missing: [],
  recorded: [],
  sent: [],
  sending: [],
  retrying: [],
  failed: [],
  ...some,
});

describe('partStates', () => {
  it('returns the state of each part', () => {
    const missing = [
      [1, 2],
      [4, 7],
    ] as const;
    expect(partStates(indicesOf({ missing, sent: [1], sending: [2], retrying: [4], failed: [5] }))).toEqual([
      ...['skipped', 'sent', 'sending', 'skipped'],
      ...['retrying', 'failed', 'waiting', 'waiting'],
    ]);
  });

  it('prefers sent over an outdated queue', () => {
    const [state] = partStates(indicesOf({ missing: [[0, 7]], sending: [0], retrying: [0], sent: [0] }));
    expect(state).toBe('sent');
  });

  it('has parts that the result of the init job records as sent', () => {
    const states = partStates(indicesOf({ missing: [[4, 7]], recorded: [[2, 3]], sent: [4] }));
    expect(states.slice(0, 6)).toEqual(['skipped', 'skipped', 'sent', 'sent', 'sent', 'waiting']);
  });

  it('ignores indices beyond the file', () => {
    const huge = Number.MAX_SAFE_INTEGER;
    const states = partStates(
      indicesOf({ missing: [[6, huge]], recorded: [[9, huge]], sent: [8, huge], sending: [99] }),
    );
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
          const states = partStates({ count, missing, recorded: [], sent, sending, retrying, failed });
          const counted = Object.values(countPartStates(states)).reduce((sum, many) => sum + many, 0);
          expect([states.length, counted]).toEqual([count, count]);
        },
      ),
    );
  });
});
