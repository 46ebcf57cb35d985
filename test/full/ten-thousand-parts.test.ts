import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { writeSparseFile } from '../support/files.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const PARTS = 10_000;
const PART_SIZE = 524288;

const { world } = useWorld({ ownRedis: true });

it('an upload of 10,000 parts leaves at most 4 KB in Redis', async () => {
  await world().worker({ LOG_LEVEL: 'info', PART_CONCURRENCY: '16' }).ready();
  const path = join(world().sources, 'long.mkv');
  const file = await open(path, 'w');
  await file.truncate(PARTS * PART_SIZE);
  await file.write('long', 0);
  await file.close();
  const redis = new Redis(world().redisUrl);
  const before = await usedBytes(redis, world().prefix);
  const upload = await world().uploads.add({ source: path, partSize: PART_SIZE });
  let peak = 0;
  for await (const { stage } of upload.progress()) {
    if (stage === 'uploading')
      peak = Math.max(peak, Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]));
  }
  const { partsSent, durationMs } = await upload.result();
  const left = await usedBytes(redis, upload.id);
  redis.disconnect();
  const seconds = Math.round(durationMs / 1000);
  process.stdout.write(
    `${partsSent} parts in ${seconds} s; Redis: ${Math.round(peak / 1e6)} MB at the peak, ${left} bytes left\n`,
  );
  expect(partsSent).toBe(PARTS);
  expect(before).toBeGreaterThan(0);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(4096);
});

it('an upload of 100 parts leaves only its job and its history in Redis', async () => {
  await world().worker({ PART_CONCURRENCY: '32' }).ready();
  const path = await writeSparseFile(join(world().sources, 'sparse.mp4'), 100 * 524288);
  const upload = await world().uploads.add({ source: path, partSize: 524288 });
  expect((await upload.result()).partsSent).toBe(100);
  const sizes = await withQueue(world(), async (redis, key) => {
    const keys = await redis.keys(`${key('').replace(/[{}]/g, '?')}*${upload.id}*`);
    return await Promise.all(
      keys.map(async (found) => Number(await redis.memory('USAGE', found, 'SAMPLES', 0))),
    );
  });
  // The job and the history.
  expect(sizes).toHaveLength(2);
  expect(sizes.reduce((sum, bytes) => sum + bytes)).toBeLessThan(4096);
});

/** Memory of all keys whose name has this in it. */
async function usedBytes(redis: Redis, part: string): Promise<number> {
  let bytes = 0;
  for (const key of await redis.keys(`*${part.replaceAll(/[{}]/g, '?')}*`))
    bytes += Number(await redis.memory('USAGE', key, 'SAMPLES', 0));
  return bytes;
}
