import type { Queue } from 'bullmq';
import { expect, it } from 'vitest';
import { writeJob } from '../../src/queue/write-job.ts';
import type { RedisClient } from '../../src/redis/client.ts';
import { connect } from '../support/consumer.ts';
import { commandsRun } from '../support/monitor.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source } = useWorld();

/** What Redis has of a job: its fields, its log, and the events after it was added. */
async function stored(queue: Queue, redis: RedisClient, id: string) {
  const events = await redis.xrange(queue.toKey('events'), '-', '+');
  const { timestamp: _, ...fields } = await redis.hgetall(queue.toKey(id));
  return {
    fields,
    log: await redis.lrange(`${queue.toKey(id)}:logs`, 0, -1),
    events: events.flatMap(([, values]) => (values.includes(id) ? [values.filter((v) => v !== id)] : [])),
  };
}

it('a write of several changes leaves in Redis what BullMQ’s own commands leave', async () => {
  const { redis, queues } = connect(world());
  const queue = queues.upload;
  const changed = { progress: { stage: 'hashing' }, data: { changed: true }, priority: 3 };
  const add = () => queue.add('x', { changed: false }, { priority: 7 });
  const [one, other] = [await add(), await add()];
  await one.updateData(changed.data);
  await one.updateProgress(changed.progress);
  await redis.hset(queue.toKey(one.id ?? ''), 'priority', changed.priority);
  await queue.addJobLog(one.id ?? '', 'row', 500);
  expect(await writeJob(queue, redis, other.id ?? '', { ...changed, row: 'row' })).toBe(true);
  const [expected, actual] = [one, other].map(({ id = '' }) => stored(queue, redis, id));
  expect(await actual).toEqual(await expected);
});

it('a write to a job that was removed leaves nothing', async () => {
  const { redis, queues } = connect(world());
  const written = await writeJob(queues.upload, redis, 'gone', { data: {}, progress: {}, row: 'row' });
  expect(written).toBe(false);
  const { fields, log, events } = await stored(queues.upload, redis, 'gone');
  expect({ fields, log, events }).toEqual({ fields: {}, log: [], events: [] });
});

it('an upload is written once per stage, once with its result, and once at its end', async () => {
  await world().worker().ready();
  const path = await source('stages.mp4', 1000);
  const commands = await commandsRun(world().redisUrl);
  const upload = await world().uploads.add({ source: path });
  await upload.result();
  const { prefix } = world();
  const isScriptOfJob = new RegExp(`"eval(sha)?" "[^\\n]*" "\\d" "${prefix}:vod-upload:${upload.id}"`);
  const writes = () => commands.filter((line) => isScriptOfJob.test(line) && !line.includes('HMGET'));
  // hashing, initializing, uploading, finishing
  await expect.poll(() => writes().length).toBe(6);
});
