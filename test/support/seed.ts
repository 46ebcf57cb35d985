import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { History, readHistory } from '../../src/flow/history.ts';
import { QUEUES } from '../../src/queue/names.ts';
import type { World } from './world.ts';

type SeededWorld = Pick<World, 'uploads' | 'redisUrl' | 'prefix'>;

/**
 * Enqueues uploads of files that don't exist.
 * @returns their ids
 */
export async function seedQueued(world: SeededWorld, count: number): Promise<string[]> {
  const sources = Array.from({ length: count }, (_, index) => ({
    source: `/srv/videos/2026/clip number ${index}.mp4`,
    key: `order-${index}`,
    checkSource: false,
  }));
  return (await world.uploads.addMany(sources)).map(({ id }) => id);
}

/**
 * Copies an upload that has not started, as quickly as Redis can. KEYS[1]: the list of such uploads. ARGV: prefix of jobs, the
 * upload, the first and the last number of the copies.
 */
const COPY = `
local fields = redis.call('HGETALL', ARGV[1] .. ARGV[2])
local job = {}
for index = 1, #fields, 2 do job[fields[index]] = fields[index + 1] end
local data = job.data
local score = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[2]))
local scores = {}
for number = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local id = string.format('u%024x', number)
  job.timestamp = string.format('%.0f', tonumber(ARGV[5]) + number)
  job.name = 'copy number ' .. number .. '.mp4'
  job.data = string.gsub(data, 'clip number 0', 'copy number ' .. number)
  local copy = {}
  for field, value in pairs(job) do
    copy[#copy + 1] = field
    copy[#copy + 1] = value
  end
  redis.call('HSET', ARGV[1] .. id, unpack(copy))
  scores[#scores + 1] = string.format('%.0f', score + number)
  scores[#scores + 1] = id
end
redis.call('ZADD', KEYS[1], unpack(scores))
redis.call('INCRBY', ARGV[1] .. 'pc', ARGV[4] - ARGV[3] + 1)`;

/** Enqueues very many uploads, numbered from 1: `copy number 7.mp4`. Each is enqueued 1 ms after the one before. */
export async function seedMany(world: SeededWorld, count: number): Promise<void> {
  const [first = ''] = await seedQueued(world, 1);
  await withQueue(world, async (redis, key) => {
    const prefix = key('vod-upload:');
    for (let from = 1; from <= count; from += 1000) {
      const to = Math.min(count, from + 999);
      await redis.eval(COPY, 1, `${prefix}prioritized`, prefix, first, from, to, Date.now());
    }
  });
}

/** Changes the data in Redis as if these uploads waited for InitUpload. */
export async function seedInitializing(world: SeededWorld, ids: readonly string[]): Promise<void> {
  await withQueue(world, async (redis, key) => {
    const progress = { stage: 'initializing', bytesHashed: 5e7, bytesSent: 0, totalBytes: 5e7 };
    for (let from = 0; from < ids.length; from += 1000) {
      const pipeline = redis.pipeline();
      for (const id of ids.slice(from, from + 1000)) {
        pipeline
          .zrem(key('vod-upload:prioritized'), id)
          .zadd(key('vod-upload:waiting-children'), Date.now(), id);
        pipeline.hset(key(`vod-upload:${id}`), 'progress', JSON.stringify(progress));
      }
      await pipeline.exec();
    }
  });
}

/** Changes the data in Redis as if some parts of an upload were sent, one was active and one delayed. */
export async function seedParts(
  world: SeededWorld,
  id: string,
  parts: { count: number; sent: number },
): Promise<void> {
  const partSize = 1048576;
  const totalBytes = parts.count * partSize;
  await withQueue(world, async (redis, key) => {
    const job = key(`vod-upload:${id}`);
    const data = JSON.parse((await redis.hget(job, 'data')) ?? '{}') as object;
    const hashed = { fileSha: 'a'.repeat(40), version: { size: totalBytes, mtimeNs: '1', inode: '1' } };
    const bytesSent = parts.sent * partSize;
    const progress = { stage: 'uploading', bytesHashed: totalBytes, bytesSent, totalBytes };
    const init = { kind: 'send', partSize, missing: [[0, parts.count - 1]] };
    const part = (index: number): string => `${id}-r1-p${index}`;
    const pipeline = redis.pipeline();
    pipeline.hset(job, { data: JSON.stringify({ ...data, hashed }), progress: JSON.stringify(progress) });
    pipeline.zrem(key('vod-upload:prioritized'), id).zadd(key('vod-upload:waiting-children'), Date.now(), id);
    pipeline.hset(`${job}:processed`, key(`vod-init:${id}-r1-init`), JSON.stringify(init));
    for (let index = 0; index < parts.sent; index++)
      pipeline.hset(`${job}:processed`, key(`vod-part:${part(index)}`), 'null');
    pipeline.lpush(key('vod-part:active'), part(parts.sent));
    pipeline.zadd(key('vod-part:delayed'), Date.now() * 4096, part(parts.sent + 1));
    await pipeline.exec();
  });
}

/** Updates the time of the last reported speed, which is only shown for some seconds. */
export async function renewSpeed(world: SeededWorld, id: string): Promise<void> {
  await withQueue(world, async (redis, key) => {
    const job = key(`vod-upload:${id}`);
    const progress = JSON.parse((await redis.hget(job, 'progress')) ?? '{}') as object;
    await redis.hset(job, 'progress', JSON.stringify({ ...progress, at: Date.now() }));
  });
}

/** Adds a line to the history of an upload, as workers do. */
export async function seedHistory(world: SeededWorld, id: string, text: string): Promise<void> {
  await withQueue(world, async (redis) => {
    const queue = new Queue(QUEUES.upload, { connection: redis, prefix: world.prefix });
    new History(queue, redis).record(id, text);
    // `record` returns no promise.
    while ((await readHistory(queue, id)).length === 0);
  });
}

/** @param use gets a connection, and a function that adds the world's prefix to a key */
export async function withQueue<T>(
  world: SeededWorld,
  use: (redis: Redis, key: (name: string) => string) => Promise<T>,
): Promise<T> {
  const redis = new Redis(world.redisUrl);
  try {
    return await use(redis, (name) => `${world.prefix}:${name}`);
  } finally {
    redis.disconnect();
  }
}
