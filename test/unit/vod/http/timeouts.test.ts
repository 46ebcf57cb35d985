import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bodyMs,
  DEFAULT_TIMEOUTS,
  phaseTimeouts,
  pieceMs,
  replyMs,
  requestMs,
} from '../../../../src/vod/http/timeouts.ts';

const MIB = 1048576;

describe('time-outs', () => {
  test('a request without a body has fixed time-outs', () => {
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

  test('a request with a body has none for sending and waiting: they depend on its progress', () => {
    const { send, response, ...others } = phaseTimeouts(DEFAULT_TIMEOUTS, true);
    expect([send, response]).toEqual([undefined, undefined]);
    expect(phaseTimeouts(DEFAULT_TIMEOUTS, false)).toMatchObject(others);
  });

  test('a piece may take its time at 4 KiB/s plus 30 s', () => {
    expect(pieceMs(DEFAULT_TIMEOUTS, 65_536)).toBe(46_000);
    expect(pieceMs(DEFAULT_TIMEOUTS, 524_288)).toBe(158_000);
  });

  test('a whole body times out at 1 KiB/s', () => {
    expect(bodyMs(DEFAULT_TIMEOUTS, MIB)).toBe(30_000 + 1_024_000);
  });

  test.each([
    ['nothing is known', undefined, 256_000],
    ['bodies are fast', 50, 16_000],
    ['bodies take 10 s', 10_000, 80_000],
    ['bodies take 100 s', 100_000, 256_000],
  ])('the reply to a part of 1 MiB, when %s', (_, slowestMs, extraMs) => {
    expect(replyMs(DEFAULT_TIMEOUTS, MIB, slowestMs)).toBe(30_000 + extraMs);
  });

  test('a body of 5 GiB has a time that a timer can count, and its reply only that of what buffers hold', () => {
    const bytes = 5 * 1024 * MIB;
    expect(bodyMs(DEFAULT_TIMEOUTS, bytes)).toBe(2 ** 31 - 1);
    expect(replyMs(DEFAULT_TIMEOUTS, bytes, 50)).toBe(30_000 + 64_000);
  });

  test('the whole request has at least the time of each phase, and a body that of each piece', () => {
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
