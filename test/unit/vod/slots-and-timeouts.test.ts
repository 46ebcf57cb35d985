import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSlots } from '../../../src/vod/slots.ts';
import { DEFAULT_TIMEOUTS, phaseTimeouts } from '../../../src/vod/timeouts.ts';

describe('slots', () => {
  test('are given in the order of asking, and a slot given back twice counts once', async () => {
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
          // All are free again: as many as the limit can be had at once.
          await Promise.all(Array.from({ length: limit }, () => slots.acquire()));
        },
      ),
    );
  });

  test('may become more, which lets in who waits, and fewer, once they are given back', async () => {
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

describe('phaseTimeouts', () => {
  test('a request without a body has the plain ones', () => {
    expect(phaseTimeouts(DEFAULT_TIMEOUTS, 0)).toEqual({
      lookup: 10_000,
      connect: 10_000,
      secureConnect: 10_000,
      send: 15_000,
      response: 30_000,
      read: 30_000,
      request: 95_000,
    });
  });

  test('a part of 1 MiB has 16 s more at 64 KiB/s', () => {
    const [none, part] = [0, 1048576].map((bytes) => phaseTimeouts(DEFAULT_TIMEOUTS, bytes));
    for (const phase of ['send', 'response', 'request'] as const) {
      expect((part?.[phase] ?? 0) - (none?.[phase] ?? 0)).toBe(16_000);
    }
  });

  test('the whole is never shorter than a phase', () => {
    const ms = fc.integer({ min: 0, max: 600_000 });
    fc.assert(
      fc.property(
        ms,
        ms,
        ms,
        ms,
        fc.nat(2 ** 21),
        (connectMs, secureConnectMs, sendMs, responseMs, bytes) => {
          const given = { connectMs, secureConnectMs, sendMs, responseMs, minBytesPerSecond: 65_536 };
          const { request = 0, ...phases } = phaseTimeouts(given, bytes);
          for (const phase of Object.values(phases)) expect(phase).toBeLessThanOrEqual(request);
        },
      ),
    );
  });
});
