import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellsOf, describeParts, renderParts } from '../../../../src/ops/uploads/part-strip.ts';
import { PART_STATES, type PartState } from '../../../../src/status/part-states.ts';

const many = (count: number, state: PartState): PartState[] => Array(count).fill(state);

describe('cellsOf', () => {
  it('shows each part of a small file by itself', () => {
    expect(cellsOf(['sent', 'sent', 'failed'])).toEqual([
      { state: 'sent', first: 0, last: 0 },
      { state: 'sent', first: 1, last: 1 },
      { state: 'failed', first: 2, last: 2 },
    ]);
  });

  it('makes one piece of a run of equal parts', () => {
    expect(cellsOf([...many(50, 'skipped'), ...many(50, 'waiting')])).toEqual([
      { state: 'skipped', first: 0, last: 49 },
      { state: 'waiting', first: 50, last: 99 },
    ]);
  });

  it('shows one failed part among 10,000, and else what most of a piece are', () => {
    const states = [...many(5010, 'sent'), ...many(4990, 'waiting')];
    states[7777] = 'failed';
    const cells = cellsOf(states, 100);
    expect(cells.map(({ state }) => state)).toEqual(['sent', 'waiting', 'failed', 'waiting']);
    expect(cells[2]).toEqual({ state: 'failed', first: 7700, last: 7799 });
  });

  it('has every part in one piece, and never too many pieces', () => {
    const states = fc.array(fc.constantFrom(...PART_STATES), { minLength: 1, maxLength: 700 });
    fc.assert(
      fc.property(states, fc.integer({ min: 1, max: 300 }), (parts, most) => {
        const cells = cellsOf(parts, most);
        expect(cells.length).toBeLessThanOrEqual(most);
        let next = 0;
        for (const { first, last } of cells) {
          expect(first).toBe(next);
          expect(last).toBeGreaterThanOrEqual(first);
          next = last + 1;
        }
        expect(next).toBe(parts.length);
      }),
    );
  });
});

describe('renderParts', () => {
  it('stays small for 10,000 parts that all differ from their neighbours', () => {
    const states = Array.from(
      { length: 10_000 },
      (_, index) => (index % 2 ? 'sent' : 'waiting') as PartState,
    );
    expect(String(renderParts(states, false)).length).toBeLessThan(40_000);
  });

  it('says the same in words', () => {
    const states: PartState[] = [...many(5, 'skipped'), ...many(1200, 'sent'), 'sending', 'waiting'];
    expect(describeParts(states, false)).toBe('5 already in VOD, 1,200 sent, 1 being sent, 1 waiting');
    expect(describeParts(states, true)).toContain('1 not sent');
  });
});
