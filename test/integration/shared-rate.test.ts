import { describe, expect, it } from 'vitest';
import { SharedRate } from '../../src/redis/shared-rate.ts';
import { connect } from '../support/consumer.ts';
import { useWorld } from '../support/use-world.ts';

const HOUR_MS = 3_600_000;
const { signal } = new AbortController();

const { world } = useWorld();

/** Workers that share a rate of one per hour. The test advances the time for all of them. */
function setUp() {
  const { redis } = connect(world());
  const key = `${world().prefix}:rate`;
  let passedMs = 0;
  const pass = async (ms: number): Promise<void> => {
    passedMs += ms;
    await redis.incrby(key, -1000 * ms);
  };
  /** Time until which the rate is used up, in ms since 1970. */
  const busyUntilMs = async (): Promise<number> => Number(await redis.get(key)) / 1000 + passedMs;
  const nowMs = async (): Promise<number> => {
    const [seconds = 0, us = 0] = (await redis.time()).map(Number);
    return seconds * 1000 + us / 1000 + passedMs;
  };
  const replica = (sleep?: (ms: number, signal: AbortSignal) => Promise<void>): SharedRate =>
    new SharedRate(redis, { key, perSecond: 1 / 3600, largest: 9, ...(sleep && { sleep }) });
  return { redis, key, replica, pass, busyUntilMs, nowMs };
}

describe('a rate shared by workers', () => {
  it('is never exceeded', async () => {
    const { replica, pass, busyUntilMs, nowMs } = setUp();
    const replicas = [replica(pass), replica(pass), replica(pass)];
    const startedMs = await nowMs();
    await Promise.all(replicas.flatMap((rate) => [1, 2, 3].map((amount) => rate.take(amount, signal))));
    expect((await busyUntilMs()) - startedMs).toBeGreaterThanOrEqual(18 * HOUR_MS);
  });

  it('admits the first at once, and the next after the time of the first one’s amount', async () => {
    const { replica, nowMs, busyUntilMs } = setUp();
    const waits: number[] = [];
    const startedMs = await nowMs();
    await replica().take(2, signal);
    const firstUntilMs = await busyUntilMs();
    expect(firstUntilMs - startedMs).toBeGreaterThanOrEqual(2 * HOUR_MS);
    const left = new AbortController();
    const next = replica(async (ms) => {
      waits.push(ms);
      left.abort();
      left.signal.throwIfAborted();
    }).take(5, left.signal);
    await expect(next).rejects.toMatchObject({ name: 'AbortError' });
    // The wait was computed between the two times.
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeLessThanOrEqual(2 * HOUR_MS);
    expect(waits[0]).toBeGreaterThanOrEqual(firstUntilMs - (await nowMs()));
    // A cancelled wait takes nothing from the rate.
    expect(await busyUntilMs()).toBe(firstUntilMs);
  });

  it('all waits can be cancelled', async () => {
    const { replica, busyUntilMs } = setUp();
    const rate = replica();
    await rate.take(1, signal);
    const untilMs = await busyUntilMs();
    const leaving = new AbortController();
    const waiting = [1, 2, 3].map((amount) => rate.take(amount, leaving.signal));
    leaving.abort(new Error('leaving'));
    for (const { status } of await Promise.allSettled(waiting)) expect(status).toBe('rejected');
    expect(await busyUntilMs()).toBe(untilMs);
  });

  /** A sleep that only a change of the rate ends, and what it was called with. */
  function untilWoken() {
    const waits: number[] = [];
    const asleep = Promise.withResolvers<void>();
    const sleep = (ms: number, wake: AbortSignal): Promise<void> => {
      waits.push(ms);
      asleep.resolve();
      return new Promise((_, reject) => wake.addEventListener('abort', () => reject(wake.reason)));
    };
    return { waits, sleep, asleep: asleep.promise };
  }

  it('changes for a caller that waits', async () => {
    const { replica, busyUntilMs, nowMs } = setUp();
    const { waits, sleep, asleep } = untilWoken();
    await replica().take(9, signal);
    const rate = replica(sleep);
    const taken = rate.take(9, signal);
    await asleep;
    // What was taken at the old rate is over after the time of the largest amount at the new one.
    rate.setRate(1 / 60);
    await expect.poll(() => waits.length).toBe(2);
    expect(waits[1]).toBeLessThanOrEqual(9 * 60_000);
    expect(waits[1]).toBeGreaterThan(0);
    const changedUntilMs = await busyUntilMs();
    expect(changedUntilMs - (await nowMs())).toBeLessThanOrEqual(9 * 60_000);
    rate.setRate(Number.POSITIVE_INFINITY);
    await taken;
    expect(await busyUntilMs()).toBe(changedUntilMs);
    await Promise.all([rate.take(1e12, signal), rate.take(1e12, signal)]);
    expect(waits).toHaveLength(2);
  });

  it('limits again after it was unlimited', async () => {
    const { replica, pass, busyUntilMs, nowMs } = setUp();
    const rate = replica(pass);
    rate.setRate(Number.POSITIVE_INFINITY);
    await rate.take(5, signal);
    rate.setRate(1 / 3600);
    const startedMs = await nowMs();
    await rate.take(2, signal);
    await rate.take(1, signal);
    expect((await busyUntilMs()) - startedMs).toBeGreaterThanOrEqual(3 * HOUR_MS);
  });

  it('lets no caller wait for longer than an amount takes, although the clock of Redis was set back', async () => {
    const { redis, key, replica, pass } = setUp();
    const waits: number[] = [];
    const rate = replica(async (ms) => {
      waits.push(ms);
      await pass(ms);
    });
    await rate.take(1, signal);
    await redis.incrby(key, 1000 * 1000 * HOUR_MS);
    await rate.take(1, signal);
    expect(waits).toEqual([9 * HOUR_MS]);
  });

  it('expires in Redis when the used time is over', async () => {
    const { redis, key, replica } = setUp();
    await replica().take(1, signal);
    const ttl = await redis.pttl(key);
    expect(ttl).toBeGreaterThan(0);
    expect(ttl).toBeLessThanOrEqual(HOUR_MS + 1);
  });
});
