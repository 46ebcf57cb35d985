import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSlots } from '../../../src/base/slots.ts';

describe('slots', () => {
  test('are granted in order, and a slot released twice counts once', async () => {
    const slots = createSlots(1);
    const first = await slots.acquire();
    const order: number[] = [];
    const ask = async (number: number) => {
      const release = await slots.acquire();
      order.push(number);
      return release;
    };
    const second = ask(2);
    const third = ask(3);
    first();
    first();
    const release = await second;
    await Promise.resolve();
    expect(order).toEqual([2]);
    release();
    await third;
    expect(order).toEqual([2, 3]);
  });

  test('never exceed the limit and never lose a slot, whatever is aborted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ abort: fc.boolean(), holdTurns: fc.nat({ max: 5 }) }), { maxLength: 30 }),
        async (limit, calls) => {
          const slots = createSlots(limit);
          let held = 0;
          let most = 0;
          await Promise.all(
            calls.map(async ({ abort, holdTurns }) => {
              const controller = new AbortController();
              const pending = slots.acquire(controller.signal);
              if (abort) controller.abort();
              const release = await pending.catch(() => undefined);
              if (release === undefined) return;
              held += 1;
              most = Math.max(most, held);
              for (let turn = 0; turn < holdTurns; turn += 1) await Promise.resolve();
              held -= 1;
              release();
            }),
          );
          expect(most).toBeLessThanOrEqual(limit);
          // All slots are free again.
          await Promise.all(Array.from({ length: limit }, () => slots.acquire()));
        },
      ),
    );
  });

  test('a higher limit grants waiting calls, a lower one takes effect as slots are released', async () => {
    const slots = createSlots(1);
    const first = await slots.acquire();
    const second = slots.acquire();
    slots.limit = 2;
    const releases = [first, await second];
    slots.limit = 1;
    const third = slots.acquire();
    releases[0]?.();
    expect(slots.inUse).toBe(1);
    releases[1]?.();
    await third;
    expect(slots.inUse).toBe(1);
  });

  test("reject with the signal's own reason", async () => {
    const slots = createSlots(0);
    const controller = new AbortController();
    const pending = slots.acquire(controller.signal);
    controller.abort('why');
    await expect(pending).rejects.toBe('why');
  });
});
