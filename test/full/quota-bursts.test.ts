import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { connect } from '../support/consumer.ts';
import { quotaLogOf } from '../support/quota-log.ts';
import { useWorld } from '../support/use-world.ts';

/** The service's minute is a day, so that no test depends on how long it takes. */
const MINUTE_MS = 86_400_000;
const QUOTA = 12;
const WORKERS = [1, 2, 3];
const HOUR_AHEAD = fileURLToPath(new URL('../support/clock-one-hour-ahead.ts', import.meta.url));

const { world, source, addUploads, stats, inject, gate } = useWorld({ ownRedis: true });

const workerEnv = { VOD_QUOTA_WINDOW_MS: `${MINUTE_MS}`, VOD_QUOTA_INIT_PER_MINUTE: `${QUOTA}` };

const startWorkers = (env = {}) =>
  Promise.all(
    WORKERS.map((number) =>
      world()
        .worker({ ...workerEnv, ...(number === 1 && { NODE_OPTIONS: `--import=${HOUR_AHEAD}` }), ...env })
        .ready(),
    ),
  );

const initCalls = (): number => stats().requests.InitUpload.total;

const completed = async (uploads: readonly Upload[]): Promise<void> => {
  for (const upload of uploads) expect((await upload.result()).outcome).toBe('completed');
};

function setUp() {
  const log = quotaLogOf(world(), 'InitUpload');
  const { init } = connect(world()).queues;
  return {
    ...log,
    init,
    /** Resolves when `waiting` InitUpload jobs wait for the quota, and no other runs. */
    async untilFull(waiting: number): Promise<void> {
      await expect.poll(() => init.getJobCountByTypes('prioritized', 'wait')).toBe(waiting);
      await expect.poll(() => init.getJobCountByTypes('active')).toBe(0);
      await expect.poll(() => init.getRateLimitTtl()).toBeGreaterThan(MINUTE_MS / 2);
    },
    /** Makes permits free from now on, and ends the hold of the queue. */
    async free(permits: number): Promise<void> {
      await log.free(permits);
      await init.removeRateLimitKey();
    },
  };
}

it('an idle account’s whole quota is used at once, by workers whose clocks differ, and never more', async () => {
  const { init, untilFull, free, permits } = setUp();
  // Sent again: retries count, too.
  inject({ action: 'InitUpload', effect: { kind: 'code', code: -10004, canRetry: 1 }, count: 5 });
  await startWorkers();
  const uploads = await addUploads(QUOTA + 6);
  await untilFull(6 + 5);
  expect(initCalls()).toBe(QUOTA);
  expect(await permits()).toBe(QUOTA);
  // Only failed requests have spent an attempt; waiting has not.
  const attempts = (await init.getPrioritized()).map(({ attemptsMade }) => attemptsMade);
  expect(attempts.reduce((sum, spent) => sum + spent)).toBeLessThanOrEqual(5);
  await free(6 + 5);
  await completed(uploads);
  expect(initCalls()).toBe(QUOTA + 6 + 5);
  expect(stats().peakPerWindow.InitUpload).toBe(QUOTA + 6 + 5);
});

it('when the quota is free again, the upload with the highest priority goes first', async () => {
  const { untilFull, free } = setUp();
  // Several workers take jobs at the same moment, and the one with the second job may get the only permit.
  await world().worker(workerEnv).ready();
  const uploads = await addUploads(QUOTA + 3);
  await untilFull(3);
  const urgent = await world().uploads.add({ source: await source('urgent.mp4', 100), priority: 1 });
  await untilFull(4);
  await free(1);
  await completed([urgent]);
  await untilFull(3);
  expect(initCalls()).toBe(QUOTA + 1);
  await free(3);
  await completed(uploads);
});

it('a Redis that is killed in a burst gives no permit twice', async () => {
  const { init, permits } = setUp();
  const inits = gate({ action: 'InitUpload', after: 4 });
  await startWorkers();
  await addUploads(QUOTA + 6);
  await inits.reached(4);
  await world().redis?.kill();
  await world().redis?.restart();
  inits.open();
  await expect.poll(() => init.getRateLimitTtl()).toBeGreaterThan(MINUTE_MS / 2);
  await expect.poll(() => init.getJobCountByTypes('active')).toBe(0);
  expect(await permits()).toBe(QUOTA);
  expect(initCalls()).toBeLessThanOrEqual(QUOTA);
  expect(initCalls()).toBeGreaterThan(8);
});

it('a refusal by VOD holds all workers, although permits are free', async () => {
  const { init, redis, key } = setUp();
  inject({ action: 'InitUpload', effect: { kind: 'code', code: 4400, canRetry: 0 }, count: 1 });
  await startWorkers();
  const uploads = await addUploads(1);
  await expect.poll(() => init.getRateLimitTtl()).toBeGreaterThan(MINUTE_MS / 10);
  uploads.push(...(await addUploads(3)));
  await expect.poll(() => init.getJobCountByTypes('prioritized', 'wait')).toBe(4);
  // Even without the hold of the queue, no request is sent.
  await init.removeRateLimitKey();
  await expect.poll(() => init.getRateLimitTtl()).toBeGreaterThan(MINUTE_MS / 10);
  expect(initCalls()).toBe(1);
  await redis.hdel(key, 'blocked');
});
