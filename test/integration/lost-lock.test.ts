import { once } from 'node:events';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { createLogger } from '../../src/log.ts';
import { Breaker } from '../../src/queue/breaker.ts';
import { workerConnection } from '../../src/queue/connection.ts';
import { Consumer } from '../../src/queue/consumer.ts';
import { holdKey } from '../../src/queue/hold.ts';
import { createLeave } from '../../src/queue/leave.ts';
import { closeQueues, openQueues } from '../../src/queue/queues.ts';
import { Senders } from '../../src/queue/senders.ts';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld();

function connect() {
  const redis = workerConnection({ location: world().redisUrl }, () => {});
  const queues = openQueues(redis, world().prefix);
  onTestFinished(async () => {
    await closeQueues(queues);
    redis.disconnect();
  });
  return { redis, queues };
}

it('a job whose lock could not be renewed is done again, with no attempt spent, whatever it threw', async () => {
  const { redis, queues } = connect();
  const log = createLogger({ logLevel: 'silent', logFormat: 'json', logRedact: [] });
  const breaker = await Breaker.start({
    ...{ queues, redis, log, key: holdKey(world().prefix), onChange: () => {} },
    ...{ quotaPerMinute: { init: 0, part: 0, finish: 0 }, minuteMs: 60_000 },
    probeMs: { outage: 1000, account: 1000 },
  });
  const aborted = Promise.withResolvers<void>();
  const restored = Promise.withResolvers<void>();
  const starts: boolean[] = [];
  const consumer = new Consumer({
    ...{ stage: 'part', queue: queues.part, concurrency: 1, backoff: () => 0 },
    parse: (value) => value as { uploadId: string },
    process: async (_data, { signal, restarted }) => {
      starts.push(restarted);
      if (restarted) return;
      await once(signal, 'abort');
      aborted.resolve();
      await restored.promise;
      signal.throwIfAborted();
    },
    settings: {
      ...{ connection: redis, prefix: world().prefix, log, breaker, leave: createLeave(log) },
      // Nobody but the holder takes the job from itself.
      ...{ lockDurationMs: 2000, stalledIntervalMs: 600_000, onSpared: () => {} },
    },
  });
  onTestFinished(async () => {
    await consumer.worker.close();
    breaker.stop();
  });
  const lock = new Redis(world().redisUrl);
  onTestFinished(() => lock.disconnect());
  const job = await queues.part.add('part', { uploadId: 'u1' }, { jobId: 'p1', attempts: 2 });
  const key = `${queues.part.toKey('p1')}:lock`;
  await expect.poll(() => lock.exists(key)).toBe(1);
  const token = (await lock.get(key)) ?? '';
  await lock.set(key, 'somebody else', 'PX', 600_000);
  await aborted.promise;
  await lock.set(key, token, 'PX', 600_000);
  restored.resolve();
  await expect.poll(() => job.getState()).toBe('completed');
  expect(starts).toEqual([false, true]);
  expect((await queues.part.getJob('p1'))?.attemptsMade).toBe(1);
});

it('an upload that has ended, or is gone, holds no content', async () => {
  const { redis, queues } = connect();
  const senders = new Senders(queues.upload, redis, world().prefix);
  const sha = 'a'.repeat(40);
  for (const id of ['u1', 'u2']) await queues.upload.add('upload', {}, { jobId: id });
  await redis.hset(queues.upload.toKey('u1'), 'finishedOn', Date.now());
  expect(await senders.claim(sha, 'u1')).toBe('u1');
  expect(await senders.claim(sha, 'gone')).toBe('gone');
  expect(await redis.exists(`${world().prefix}:vod-sender:${sha}`)).toBe(0);
  expect(await senders.claim(sha, 'u2')).toBe('u2');
  await redis.hdel(queues.upload.toKey('u1'), 'finishedOn');
  expect(await senders.claim(sha, 'u1')).toBe('u2');
});
