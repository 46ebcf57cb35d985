import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { PartSize } from '../../src/index.ts';
import { StoredLimits } from '../../src/limits/stored-limits.ts';
import { connect } from '../support/consumer.ts';
import { writeSparseFile } from '../support/files.ts';
import { obeys, runLimits } from '../support/limits.ts';
import { useWorld } from '../support/use-world.ts';

const PART = 524288;
const SLOTS = 2;

const { world, gate, stats } = useWorld({ ownRedis: true });

const start = (env: Readonly<Record<string, string>> = {}) =>
  world()
    .worker({ PART_CONCURRENCY: String(SLOTS), ...env })
    .ready();

async function add(name: string, parts: number, partSize: PartSize = PART) {
  const path = await writeSparseFile(join(world().sources, name), parts * partSize);
  return await world().uploads.add({ source: path, partSize });
}

test('the bandwidth of all workers changes in the middle of an upload', async () => {
  const parts = gate({ action: 'UploadPart' });
  const workers = await Promise.all([start(), start()]);
  const upload = await add('bandwidth.mp4', 20, 1_048_576);
  await parts.reached(2 * SLOTS);
  for (const worker of workers) {
    expect(await worker.metric('vod_max_bytes_per_second', { scope: 'total' })).toBe(0);
  }

  // A part takes 16 s at this rate.
  expect((await runLimits(world(), 'set', 'max-bytes-per-second', '64K')).exitCode).toBe(0);
  await Promise.all(workers.map((worker) => obeys(worker, '64.0 KiB/s', 'redis')));
  for (const worker of workers) {
    expect(await worker.metric('vod_max_bytes_per_second', { scope: 'total' })).toBe(65_536);
  }
  const { redis } = connect(world());
  const takes = async (): Promise<number> => Number(await redis.exists(`${world().prefix}:bandwidth`));
  expect(await takes()).toBe(0);
  const openedAt = performance.now();
  parts.open(2 * SLOTS);
  await parts.reached(1);
  expect(await takes()).toBe(1);
  // The others wait for their turn, one part after another, on both workers together.
  const sent = stats().requests.UploadPart.total;
  const turns = 1 + Math.floor((performance.now() - openedAt) / 16_000);
  expect(sent).toBeGreaterThan(2 * SLOTS);
  expect(sent).toBeLessThanOrEqual(2 * SLOTS + turns);

  await runLimits(world(), 'set', 'max-bytes-per-second', '1G');
  await Promise.all(workers.map((worker) => obeys(worker, '1.0 GiB/s', 'redis')));
  await parts.reached(2 * SLOTS);
  await runLimits(world(), 'unset', 'max-bytes-per-second');
  await Promise.all(workers.map((worker) => obeys(worker, 'unlimited', 'variable')));
  parts.open();
  expect((await upload.result()).partsSent).toBe(20);
});

test('the bandwidth of each worker changes in the middle of a part', async () => {
  const worker = await start({ MAX_BYTES_PER_SECOND: '64K' });
  const upload = await add('part.mp4', 100);
  await expect.poll(() => worker.metric('vod_parts_in_flight')).toBe(SLOTS);
  // By the variable it would take 13 minutes.
  await runLimits(world(), 'set', 'max-process-bytes-per-second', '1.5G');
  await obeys(worker, '1.5 GiB/s', 'redis');
  expect(await worker.metric('vod_max_bytes_per_second', { scope: 'process' })).toBe(1.5 * 2 ** 30);
  expect((await upload.result()).partsSent).toBe(100);
});

test('limits survive a restart of Redis, apply to workers that start, and are read when a message was lost', async () => {
  const parts = gate({ action: 'UploadPart' });
  await runLimits(world(), 'set', 'part-slots', '3');
  const first = await start();
  await obeys(first, '3', 'redis');
  await world().redis?.kill();
  await first.line(({ msg }) => msg === 'redis is unreachable; waiting for it');
  await world().redis?.restart();
  await first.line(({ msg }) => msg === 'redis is back');
  const second = await start();
  await obeys(second, '3', 'redis');
  const upload = await add('restart.mp4', 30);
  await parts.reached(6);
  expect(parts.waiting()).toBe(6);

  // The first worker is subscribed again.
  await runLimits(world(), 'set', 'part-slots', '1');
  await Promise.all([first, second].map((worker) => obeys(worker, '1', 'redis')));
  // Without a message: by polling.
  const { redis } = connect(world());
  await redis.hset(`${world().prefix}:vod-limits`, {
    'part-slots': '{"value":"4","timeZone":"UTC"}',
    'read-ahead': '{"value":"9","timeZone":"UTC"}',
  });
  await Promise.all([first, second].map((worker) => obeys(worker, '4', 'redis')));
  for (const worker of [first, second]) {
    await worker.line(({ msg, limit }) => msg === 'limit in redis ignored' && limit === 'read-ahead');
  }
  expect((await new StoredLimits(redis, world().prefix).read()).ignored).toHaveLength(1);
  parts.open();
  expect((await upload.result()).partsSent).toBe(30);
});
