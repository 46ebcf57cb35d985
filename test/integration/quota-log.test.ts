import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuotaLog, type QuotaLogReply } from '../../src/quota/quota-log.ts';
import { quotaLogOf } from '../support/quota-log.ts';
import { useWorld } from '../support/use-world.ts';

// Long, so that the real time which passes in a test does not matter.
const MINUTE_MS = 86_400_000;
const GUARD_MS = 3_600_000;
/** A permit counts until at most this long after it was given: a minute, the guard and a bucket. */
const COUNTS_MS = MINUTE_MS + GUARD_MS + MINUTE_MS / 240;

const { world } = useWorld();

/** Replicas that share a quota, and a clock that the test advances. */
function setUp(quota: number) {
  const { redis, key, pass, permits } = quotaLogOf(world(), 'InitUpload');
  const replica = (settings = { quota }): QuotaLog =>
    new QuotaLog({ redis, key, minuteMs: MINUTE_MS, guardMs: GUARD_MS, ...settings });
  return { redis, key, pass, permits, replica };
}

const counts = (replies: readonly QuotaLogReply[]): number[] => replies.map(({ count }) => count);

describe('a log of permits', () => {
  it('admits the whole quota at once, and no more until a minute and the guard have passed', async () => {
    const { replica, pass } = setUp(5);
    const replicas = [replica(), replica()];
    const take = () => Promise.all([0, 1, 0, 1, 0, 1].map((index) => replicas[index]?.take(1, 1)));
    expect(counts((await take()) as QuotaLogReply[])).toEqual([1, 1, 1, 1, 1, 0]);
    await pass(MINUTE_MS + GUARD_MS - 1000);
    expect((await replica().take(1, 1)).count).toBe(0);
    await pass(COUNTS_MS - MINUTE_MS - GUARD_MS + 1000);
    expect(counts((await take()) as QuotaLogReply[])).toEqual([1, 1, 1, 1, 1, 0]);
  });

  it('says with the last permit, and without one, how long to wait for the next', async () => {
    const { replica, pass } = setUp(2);
    const log = replica();
    expect(await log.take(1, 1)).toMatchObject({ count: 1, waitMs: 0 });
    await pass(MINUTE_MS / 2);
    const { count, waitMs } = await log.take(1, 1);
    expect(count).toBe(1);
    // Until the first permit expires: it was given in a bucket that has not ended yet.
    expect(waitMs).toBeLessThanOrEqual(COUNTS_MS - MINUTE_MS / 2);
    expect(waitMs).toBeGreaterThan(MINUTE_MS / 2);
    const later = await log.take(1, 1);
    expect(later.count).toBe(0);
    expect(later.waitMs).toBeLessThanOrEqual(waitMs);
    await pass(waitMs);
    expect(counts([await log.take(1, 1), await log.take(1, 1)])).toEqual([1, 0]);
  });

  it('never admits more than the quota in any sliding minute, whatever the replicas take and give back', async () => {
    const quota = fc.integer({ min: 1, max: 40 });
    const step = fc.record({
      passMs: fc.integer({ min: 0, max: MINUTE_MS / 2 }),
      need: fc.integer({ min: 1, max: 12 }),
      more: fc.integer({ min: 0, max: 12 }),
      unused: fc.integer({ min: 0, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(quota, fc.array(step, { minLength: 1, maxLength: 30 }), async (max, steps) => {
        const { redis, key, replica, pass } = setUp(max);
        await redis.del(key);
        const replicas = [replica(), replica(), replica()];
        const used: { readonly atMs: number; readonly count: number }[] = [];
        let nowMs = 0;
        for (const [index, { passMs, need, more, unused }] of steps.entries()) {
          await pass(passMs);
          nowMs += passMs;
          const log = replicas[index % 3] as QuotaLog;
          const batch = await log.take(need, need + more);
          const returned = Math.min(unused, batch.count);
          if (returned > 0) await log.giveBack({ bucket: batch.bucket, count: returned });
          used.push({ atMs: nowMs, count: batch.count - returned });
        }
        for (const { atMs } of used) {
          const within = used.filter((one) => one.atMs >= atMs && one.atMs < atMs + MINUTE_MS);
          expect(within.reduce((sum, { count }) => sum + count, 0)).toBeLessThanOrEqual(max);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('gives more than is needed only while much is free', async () => {
    const { replica } = setUp(160);
    const log = replica();
    expect((await log.take(1, 100)).count).toBe(10);
    expect((await log.take(140, 140)).count).toBe(140);
    expect(counts([await log.take(1, 100), await log.take(3, 100)])).toEqual([1, 3]);
    // As many as are needed, up to the last.
    expect(await log.take(10, 100)).toMatchObject({ count: 6 });
  });

  it('takes back unused permits once', async () => {
    const { replica, permits } = setUp(10);
    const log = replica();
    const batch = await log.take(10, 10);
    await log.giveBack({ ...batch, count: 4 });
    expect(await permits()).toBe(6);
    expect((await log.take(10, 10)).count).toBe(4);
    // A bucket that is no longer there gets nothing.
    await log.giveBack({ bucket: '1000', count: 1 });
    expect(await permits()).toBe(10);
  });

  it('gives nothing while it is blocked, and a shorter block does not end a longer one', async () => {
    const { replica, pass } = setUp(10);
    const log = replica();
    await log.block(MINUTE_MS / 2);
    await log.block(1000);
    const { count, waitMs } = await log.take(1, 1);
    expect(count).toBe(0);
    expect(waitMs).toBeGreaterThan(MINUTE_MS / 4);
    expect(waitMs).toBeLessThanOrEqual(MINUTE_MS / 2);
    await pass(MINUTE_MS / 2);
    expect((await log.take(1, 1)).count).toBe(1);
  });

  it('shows how much is used, and changes nothing by that', async () => {
    const { replica, pass } = setUp(4);
    const log = replica();
    await log.take(3, 3);
    expect(await log.look()).toEqual({ used: 3, waitMs: 0 });
    await log.take(3, 3);
    expect(await log.look()).toMatchObject({ used: 4, waitMs: expect.any(Number) });
    expect((await log.look()).waitMs).toBeGreaterThan(MINUTE_MS / 2);
    await pass(COUNTS_MS);
    expect(await log.look()).toEqual({ used: 0, waitMs: 0 });
  });

  it('keeps at most one count per bucket, whatever the quota', async () => {
    const { redis, key, pass, replica } = setUp(1_000_000);
    const log = replica();
    for (let index = 0; index < 500; index++) {
      await log.take(1000, 1000);
      await pass(MINUTE_MS / 100);
    }
    // A minute, the guard and the current bucket; and `issued`.
    expect(await redis.hlen(key)).toBeLessThanOrEqual(100 + 5 + 1 + 1);
  });

  it('admits nothing new for a minute when Redis comes back empty', async () => {
    const { redis, key, replica, pass } = setUp(10);
    const log = replica();
    await log.take(3, 3);
    // As FLUSHALL, or a restart without persistence, does.
    await redis.del(key);
    expect((await log.take(1, 1)).count).toBe(0);
    expect((await replica().take(1, 1)).count).toBe(0);
    await pass(COUNTS_MS);
    expect((await log.take(10, 10)).count).toBe(10);
  });

  it('counts permits that a fail-over has lost as given now', async () => {
    const { redis, key, replica, pass } = setUp(10);
    const log = replica();
    await log.take(2, 2);
    const replicated = await redis.hgetall(key);
    await log.take(3, 3);
    await redis.del(key);
    await redis.hset(key, replicated);
    expect((await log.take(10, 10)).count).toBe(5);
    await pass(COUNTS_MS);
    expect((await log.take(10, 10)).count).toBe(10);
  });

  it('is not stuck when the clock of Redis is set back', async () => {
    const { replica, pass } = setUp(10);
    const log = replica();
    await log.take(10, 10);
    await pass(-10 * MINUTE_MS);
    expect((await log.take(1, 1)).count).toBe(0);
    await pass(COUNTS_MS);
    expect((await log.take(10, 10)).count).toBe(10);
  });

  it('follows a quota that was lowered or raised', async () => {
    const { replica, pass } = setUp(10);
    await replica().take(8, 8);
    const lower = replica({ quota: 5 });
    expect(await lower.take(1, 1)).toMatchObject({ count: 0 });
    expect((await replica({ quota: 12 }).take(10, 10)).count).toBe(4);
    await pass(COUNTS_MS);
    expect((await lower.take(10, 10)).count).toBe(5);
  });
});
