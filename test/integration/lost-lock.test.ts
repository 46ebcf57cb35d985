import { once } from 'node:events';
import type { Worker } from 'bullmq';
import { expect, it } from 'vitest';
import { SenderLocks } from '../../src/flow/sender-locks.ts';
import { connect, startConsumer } from '../support/consumer.ts';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld();

/** Makes a worker renew its locks now. */
async function renewLocks(worker: Worker, jobIds: string[]): Promise<void> {
  // biome-ignore lint/complexity/useLiteralKeys: these members are protected
  await worker['lockManager']['extendLocks'](jobIds);
}

it('a job whose lock could not be renewed runs again, without a spent attempt, after any error', async () => {
  const connected = connect(world());
  const { redis, queues } = connected;
  const started = Promise.withResolvers<void>();
  const restored = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const starts: boolean[] = [];
  const { worker } = await startConsumer(world(), connected, async ({ signal, restarted }) => {
    starts.push(restarted);
    if (restarted) return;
    const aborted = once(signal, 'abort');
    started.resolve();
    await aborted;
    await restored.promise;
    signal.throwIfAborted();
  });
  worker.once('completed', () => done.resolve());
  await queues.part.add('part', { uploadId: 'u1' }, { jobId: 'p1', attempts: 2 });
  await started.promise;
  const key = `${queues.part.toKey('p1')}:lock`;
  const token = (await redis.get(key)) ?? '';
  expect(token).not.toBe('');
  await redis.set(key, 'somebody else');
  await renewLocks(worker, ['p1']);
  await redis.set(key, token);
  restored.resolve();
  await done.promise;
  expect(starts).toEqual([false, true]);
  expect((await queues.part.getJob('p1'))?.attemptsMade).toBe(1);
});

it('an ended or removed upload holds no sender lock', async () => {
  const { redis, queues } = connect(world());
  const senders = new SenderLocks(queues.upload, redis, world().prefix);
  const sha = 'a'.repeat(40);
  for (const id of ['u1', 'u2']) await queues.upload.add('upload', {}, { jobId: id });
  await redis.hset(queues.upload.toKey('u1'), 'finishedOn', Date.now());
  expect(await senders.acquire(sha, 'u1')).toBe('u1');
  expect(await senders.acquire(sha, 'gone')).toBe('gone');
  expect(await redis.exists(`${world().prefix}:vod-sender:${sha}`)).toBe(0);
  expect(await senders.acquire(sha, 'u2')).toBe('u2');
  await redis.hdel(queues.upload.toKey('u1'), 'finishedOn');
  expect(await senders.acquire(sha, 'u1')).toBe('u2');
});
