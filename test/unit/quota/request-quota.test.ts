import { describe, expect, it } from 'vitest';
import type { PermitBatch, QuotaLogReply } from '../../../src/quota/quota-log.ts';
import { type Permit, RequestQuota } from '../../../src/quota/request-quota.ts';

const GUARD_MS = 1000;
const LAST = { isGranted: true, waitMs: 5000 };
const GRANTED = { isGranted: true, waitMs: 0 };

/** A shared log with `free` permits, which answers when the test lets it, and a clock that the test advances. */
function setUp({ free = 1000, waitMs = 5000 } = {}) {
  const state = { free, now: 0 };
  const takes: { need: number; wanted: number }[] = [];
  const givenBack: PermitBatch[] = [];
  const blocks: number[] = [];
  let gate: Promise<void> = Promise.resolve();
  const log = {
    async take(need: number, wanted: number): Promise<QuotaLogReply> {
      takes.push({ need, wanted });
      await gate;
      const count = Math.min(state.free, wanted);
      state.free -= count;
      return { count, bucket: String(takes.length), waitMs: state.free === 0 ? waitMs : 0 };
    },
    async giveBack(batch: PermitBatch): Promise<void> {
      givenBack.push(batch);
    },
    async block(ms: number): Promise<void> {
      blocks.push(ms);
    },
  };
  const quota = new RequestQuota({ log, guardMs: GUARD_MS, now: () => state.now });
  const close = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    return resolve;
  };
  const takeMany = (count: number): Promise<Permit[]> =>
    Promise.all(Array.from({ length: count }, () => quota.take()));
  /** The second take brings two permits more than are needed. */
  const takeTwo = async (): Promise<Permit[]> => {
    const first = await quota.take();
    state.now += 10;
    return [first, await quota.take()];
  };
  return { quota, takes, givenBack, blocks, close, takeMany, takeTwo, state };
}

describe('the permits of a process', () => {
  it('are taken one by one when they are needed rarely', async () => {
    const { quota, takes, state } = setUp();
    for (let index = 0; index < 3; index++) {
      expect(await quota.take()).toEqual(GRANTED);
      state.now += 1000;
    }
    expect(takes).toEqual([
      { need: 1, wanted: 1 },
      { need: 1, wanted: 1 },
      { need: 1, wanted: 1 },
    ]);
  });

  it('are taken together by all who wait', async () => {
    const { quota, takes, close, takeMany } = setUp();
    const open = close();
    const first = quota.take();
    const others = takeMany(7);
    open();
    expect(await first).toEqual(GRANTED);
    expect(await others).toEqual(Array(7).fill(GRANTED));
    expect(takes.map(({ need }) => need)).toEqual([1, 7]);
  });

  it('are taken in batches that follow the rate of use', async () => {
    const { quota, takes, state } = setUp({ free: 100_000 });
    // 200 a second for 10 seconds.
    for (let index = 0; index < 2000; index++) {
      await quota.take();
      state.now += 5;
    }
    expect(takes.length).toBeLessThan(60);
    expect(Math.max(...takes.map(({ wanted }) => wanted))).toBeLessThanOrEqual(1 + 200 * 0.25);
  });

  it('are given back when they are not used in time', async () => {
    const { quota, takes, givenBack, state, takeTwo } = setUp();
    await takeTwo();
    expect(takes.at(-1)).toEqual({ need: 1, wanted: 3 });
    state.now += GUARD_MS / 2;
    await quota.take();
    expect(givenBack).toEqual([]);
    state.now += 1;
    await quota.take();
    expect(givenBack).toEqual([{ bucket: '2', count: 1 }]);
    expect(takes).toHaveLength(3);
  });

  it('are given back at the end', async () => {
    const { quota, givenBack, takeTwo } = setUp();
    await takeTwo();
    await quota.close();
    await quota.close();
    expect(givenBack).toEqual([{ bucket: '2', count: 2 }]);
  });

  it('are refused for a second without asking, and then asked for again', async () => {
    const { quota, takes, state } = setUp({ free: 1 });
    expect(quota.waitMs).toBe(0);
    expect(await quota.take()).toEqual(LAST);
    state.now += 999;
    expect(quota.waitMs).toBe(4001);
    expect(await quota.take()).toEqual({ isGranted: false, waitMs: 4001 });
    expect(takes).toHaveLength(1);
    state.now += 1;
    expect(quota.waitMs).toBe(0);
    // Another process gave a permit back.
    state.free = 1;
    expect((await quota.take()).isGranted).toBe(true);
    expect(takes).toHaveLength(2);
  });

  it('go to the first who asked when there are too few', async () => {
    const { takeMany, quota, close } = setUp({ free: 4 });
    const open = close();
    const first = quota.take();
    const permits = takeMany(5);
    open();
    expect((await first).isGranted).toBe(true);
    expect((await permits).map(({ isGranted }) => isGranted)).toEqual([true, true, true, false, false]);
  });

  it('say with the last one of a batch, not before, that there are no more', async () => {
    const { takes, takeTwo, takeMany } = setUp({ free: 4 });
    expect(await takeTwo()).toEqual([GRANTED, GRANTED]);
    expect(await takeMany(2)).toEqual([GRANTED, LAST]);
    expect(takes).toHaveLength(2);
  });

  it('are refused on this process at once when the service has refused a request', async () => {
    const { quota, takes, blocks } = setUp();
    await quota.take();
    await quota.block(15_000);
    expect(blocks).toEqual([15_000]);
    expect(await quota.take()).toEqual({ isGranted: false, waitMs: 15_000 });
    expect(takes).toHaveLength(1);
  });

  it('fail for all who wait when Redis does, and are asked for again', async () => {
    let fails = true;
    const log = {
      async take(need: number): Promise<QuotaLogReply> {
        if (fails) throw new Error('Connection is closed.');
        return { count: need, bucket: '1', waitMs: 0 };
      },
      async giveBack(): Promise<void> {},
      async block(): Promise<void> {},
    };
    const quota = new RequestQuota({ log, guardMs: GUARD_MS });
    const settled = await Promise.allSettled([quota.take(), quota.take()]);
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fails = false;
    expect((await quota.take()).isGranted).toBe(true);
  });
});

describe('acquire', () => {
  it('ends with the signal', async () => {
    const { quota } = setUp({ free: 0, waitMs: 3_600_000 });
    const controller = new AbortController();
    const acquired = quota.acquire(controller.signal);
    controller.abort();
    await expect(acquired).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('waits until a permit is free', async () => {
    const { quota, takes, state } = setUp({ free: 0, waitMs: 1 });
    const acquired = quota.acquire(new AbortController().signal);
    await expect.poll(() => takes.length).toBeGreaterThan(0);
    state.free = 1;
    state.now += 1000;
    await acquired;
    expect(state.free).toBe(0);
  });
});
