import { expect, test } from 'vitest';
import { createLogger } from '../../../src/process/log.ts';
import type { PartEnd } from '../../../src/upload/slot-meter.ts';
import { PartSlots } from '../../../workers/part-slots.ts';

const log = createLogger({ logLevel: 'silent', logFormat: 'json', logRedact: [] });
const { signal } = new AbortController();
const sent: PartEnd = { bytes: 1000 };

/** Slots whose time is the test's. */
function setUp(bounds: { min: number; max: number }) {
  let nowMs = 0;
  const slots = new PartSlots(bounds, log, () => nowMs);
  const numbers: number[] = [];
  slots.start(() => numbers.push(slots.slots));
  return {
    slots,
    /** Each number that there was. */
    numbers,
    /** Rounds of so many parts at a time, or as many as there are slots, each of which takes so long. */
    async send(rounds: number, { ms = 100, atATime = Number.POSITIVE_INFINITY, end = sent } = {}) {
      for (let round = 0; round < rounds; round++) {
        const count = Math.min(atATime, slots.slots);
        const leaves = await Promise.all(Array.from({ length: count }, () => slots.enter(signal)));
        nowMs += ms;
        for (const leave of leaves) leave(end);
      }
    },
  };
}

test('become more while answers take long, up to the bound', async () => {
  const { slots, numbers, send } = setUp({ min: 2, max: 16 });
  expect(slots.slots).toBe(8);
  await send(1);
  expect(numbers).toEqual([8, 16]);
  // Twice as fast, but there are no more.
  await send(1);
  expect(numbers).toEqual([8, 16]);
});

test('stay as they are while too few parts wait to fill them', async () => {
  const { numbers, send } = setUp({ min: 2, max: 64 });
  await send(1000, { atATime: 2 });
  expect(numbers).toEqual([8]);
  await send(60);
  expect(numbers.slice(0, 4)).toEqual([8, 16, 32, 64]);
});

test('stay as they are as long as too little time has passed to tell', async () => {
  const { numbers, send } = setUp({ min: 2, max: 64 });
  await send(3, { ms: 33 });
  expect(numbers).toEqual([8]);
  await send(1, { ms: 1 });
  expect(numbers).toEqual([8, 16]);
});

test('become more while few are in use because the parts for the others are being read', async () => {
  const { slots, numbers, send } = setUp({ min: 2, max: 64 });
  const ends: (() => void)[] = [];
  const reads = [1, 2, 3, 4].map(() =>
    slots.reading(() => new Promise<void>((resolve) => ends.push(resolve))),
  );
  await send(4, { atATime: 2 });
  expect(numbers).toEqual([8, 16]);
  for (const end of ends) end();
  await Promise.all(reads);
  await send(1000, { atATime: 2 });
  expect(numbers).toEqual([8, 16]);
});

test('become fewer when VOD refuses for quota, down to the bound, once for those that were at work', async () => {
  const { slots, numbers, send } = setUp({ min: 2, max: 16 });
  await send(1, { end: 'overloaded' });
  expect(slots.slots).toBe(5);
  await send(20, { end: 'overloaded' });
  expect(numbers).toEqual([8, 5, 3, 2]);
});

test('are the same for ever when both bounds are, and few of them read nothing ahead', async () => {
  const { slots, numbers, send } = setUp({ min: 3, max: 3 });
  await send(20);
  await send(20, { end: 'overloaded' });
  expect(numbers).toEqual([3]);
  expect(slots.jobs).toBe(3);
  expect(setUp({ min: 16, max: 16 }).slots.jobs).toBe(19);
});

test('obey other bounds at once, and search between them', async () => {
  const { slots, numbers, send } = setUp({ min: 8, max: 8 });
  await send(20);
  slots.setBounds({ min: 16, max: 64 });
  expect(numbers).toEqual([8, 16]);
  await send(2);
  expect(numbers).toEqual([8, 16, 32, 64]);
  slots.setBounds({ min: 2, max: 4 });
  expect(numbers).toEqual([8, 16, 32, 64, 4]);
  expect(slots.jobs).toBe(5);
});

test('with a lower bound let no part enter before as many as it allows are left', async () => {
  const { slots } = setUp({ min: 4, max: 4 });
  const leaves = await Promise.all([1, 2, 3, 4].map(() => slots.enter(signal)));
  slots.setBounds({ min: 2, max: 2 });
  let entered = 0;
  const waiting = [1, 2].map(() => slots.enter(signal).then(() => entered++));
  for (const leave of leaves.slice(0, 2)) leave(sent);
  await new Promise(setImmediate);
  expect(entered).toBe(0);
  leaves[2]?.(sent);
  await waiting[0];
  await new Promise(setImmediate);
  expect(entered).toBe(1);
});
