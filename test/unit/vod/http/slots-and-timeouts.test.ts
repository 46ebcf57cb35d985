import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSlots } from '../../../../src/base/slots.ts';
import {
  bodyMs,
  DEFAULT_TIMEOUTS,
  phaseTimeouts,
  pieceMs,
  replyMs,
  requestMs,
} from '../../../../src/vod/http/timeouts.ts';

const MIB = 1048576;

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

describe('time-outs', () => {
  test('a request without a body has the plain ones', () => {
    expect(phaseTimeouts(DEFAULT_TIMEOUTS, false)).toEqual({
      lookup: 10_000,
      connect: 10_000,
      secureConnect: 10_000,
      send: 15_000,
      response: 30_000,
      read: 30_000,
    });
    expect(requestMs(DEFAULT_TIMEOUTS)).toBe(95_000);
  });

  test('one with a body has none for sending and waiting: how it gets on decides', () => {
    const { send, response, ...others } = phaseTimeouts(DEFAULT_TIMEOUTS, true);
    expect([send, response]).toEqual([undefined, undefined]);
    expect(phaseTimeouts(DEFAULT_TIMEOUTS, false)).toMatchObject(others);
  });

  test('a piece may take what it takes at 4 KiB/s, and half a minute more', () => {
    expect(pieceMs(DEFAULT_TIMEOUTS, 65_536)).toBe(46_000);
    expect(pieceMs(DEFAULT_TIMEOUTS, 524_288)).toBe(158_000);
  });

  test('a whole body is given up at 1 KiB/s', () => {
    expect(bodyMs(DEFAULT_TIMEOUTS, MIB)).toBe(30_000 + 1_024_000);
  });

  test.each([
    ['nothing is known', undefined, 256_000],
    ['bodies take no time', 50, 16_000],
    ['bodies take a while', 10_000, 80_000],
    ['bodies take long', 100_000, 256_000],
  ])('the reply to a part of 1 MiB, when %s', (_, slowestMs, besidesMs) => {
    expect(replyMs(DEFAULT_TIMEOUTS, MIB, slowestMs)).toBe(30_000 + besidesMs);
  });

  test('the whole is never shorter than a phase, nor the time for a body than for a piece of it', () => {
    const ms = fc.integer({ min: 0, max: 600_000 });
    const rate = fc.integer({ min: 1, max: 1e9 });
    const timeouts = fc.record({
      ...{ connectMs: ms, secureConnectMs: ms, sendMs: ms, stallMs: ms, responseMs: ms },
      ...{ usualBytesPerSecond: rate, minBytesPerSecond: rate },
    });
    fc.assert(
      fc.property(timeouts, fc.nat(2 ** 21), fc.nat(2 ** 21), (given, one, other) => {
        const whole = requestMs(given);
        for (const phase of Object.values(phaseTimeouts(given, false))) {
          expect(phase).toBeLessThanOrEqual(whole);
        }
        expect(pieceMs(given, Math.min(one, other))).toBeLessThanOrEqual(bodyMs(given, Math.max(one, other)));
      }),
    );
  });
});
