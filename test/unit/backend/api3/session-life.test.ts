import { expect, it } from 'vitest';
import { SessionLife } from '../../../../src/backend/api3/session-life.ts';

const MIB = 2 ** 20;
const NOW = 1_800_000_000_000;

function endingIn(seconds: number) {
  const secret = { secretId: 'i', secretKey: 'k', token: 't' };
  return { credentials: { ...secret, expiresAtMs: NOW + seconds * 1000 } };
}

it('takes any part while no reply has told the service’s time', () => {
  expect(new SessionLife(() => undefined).hasTimeFor(endingIn(-1), MIB)).toBe(true);
});

it('needs a minute for the next request, and twice the time that parts take', () => {
  const life = new SessionLife(() => NOW);
  expect([life.hasTimeFor(endingIn(59), MIB), life.hasTimeFor(endingIn(60), MIB)]).toEqual([false, true]);
  life.sent(8 * MIB, 80_000);
  expect([219, 220].map((seconds) => life.hasTimeFor(endingIn(seconds), 8 * MIB))).toEqual([false, true]);
  // Faster parts lower the estimate slowly.
  for (let part = 0; part < 50; part++) life.sent(8 * MIB, 1000);
  expect(life.hasTimeFor(endingIn(63), 8 * MIB)).toBe(true);
});

it('does not conclude from tiny parts, and lets every part start in a new session', () => {
  const life = new SessionLife(() => NOW);
  life.sent(5, 40);
  expect(life.hasTimeFor(endingIn(61), 8 * MIB)).toBe(true);
  life.sent(8 * MIB, 3_600_000);
  expect(life.hasTimeFor(endingIn(7200), 5 * 2 ** 30)).toBe(true);
});

it('says when the session ends or has ended', () => {
  const life = new SessionLife(() => NOW);
  expect(() => life.checkTimeFor(endingIn(30), MIB)).toThrow(
    'its session expires in 30 s, too soon for this part',
  );
  expect(() => life.checkTimeFor(endingIn(-90), MIB)).toThrow('expired 2 min ago');
});
