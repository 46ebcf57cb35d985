import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/process/log.ts';
import type { SlotBounds } from '../../../src/upload/slot-control.ts';
import { PartSlots } from '../../../workers/part-slots.ts';

const { signal } = new AbortController();

function slotsWithin(bounds: SlotBounds): PartSlots {
  return new PartSlots(bounds, createLogger({ logLevel: 'silent', logFormat: 'json', logRedact: [] }));
}

const enter = (slots: PartSlots, count: number) =>
  Promise.all(Array.from({ length: count }, () => slots.enter(signal)));

describe('parts that time out on a full line', () => {
  it('make fewer of those that were sent at a time once, however many they are', async () => {
    const slots = slotsWithin({ min: 1, max: 8 });
    const leaves = await enter(slots, 8);
    expect(leaves.map((leave) => leave('overloaded'))).toEqual(Array(8).fill(true));
    expect(slots.slots).toBe(5);
  });

  it('make fewer again when they were sent among fewer already, down to the lower bound', async () => {
    const slots = slotsWithin({ min: 2, max: 8 });
    const numbers: number[] = [];
    for (let round = 0; round < 4; round++) {
      const leaves = await enter(slots, slots.slots);
      const fewer = leaves.map((leave) => leave('overloaded'));
      expect(fewer).toEqual(Array(fewer.length).fill(round < 3));
      numbers.push(slots.slots);
    }
    expect(numbers).toEqual([5, 3, 2, 2]);
  });

  it('change nothing of a fixed number, nor do parts that end otherwise', async () => {
    const fixed = slotsWithin({ min: 8, max: 8 });
    for (const leave of await enter(fixed, 8)) expect(leave('overloaded')).toBe(false);
    expect(fixed.slots).toBe(8);
    const slots = slotsWithin({ min: 1, max: 8 });
    const [first, second] = await enter(slots, 2);
    expect(first?.('other')).toBe(false);
    expect(second?.({ bytes: 1 })).toBe(false);
    expect(slots.slots).toBe(8);
  });
});
