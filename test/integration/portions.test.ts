import { type Job, Worker } from 'bullmq';
import type { Command } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { VodEventLog } from '../../src/events/vod-event-log.ts';
import { AbortFlags } from '../../src/flow/abort-flags.ts';
import { type FanOutBounds, PartRefill, UNQUEUED_FIELD } from '../../src/flow/fan-out.ts';
import { FileIndex } from '../../src/flow/file-index.ts';
import { ChildrenReader } from '../../src/flow/read-children.ts';
import { createReconciler } from '../../src/flow/reconcile.ts';
import { SenderLocks } from '../../src/flow/sender-locks.ts';
import { UPLOAD_JOB_OPTIONS } from '../../src/queue/jobs/options.ts';
import { PART_SKIPPED } from '../../src/queue/jobs/part.ts';
import { SCHEMA_VERSION } from '../../src/queue/jobs/schema.ts';
import { QUEUES, type Stage } from '../../src/queue/names.ts';
import type { RedisClient } from '../../src/redis/client.ts';
import { commandsBy } from '../support/commands.ts';
import { connect } from '../support/consumer.ts';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld({ ownRedis: true });

const PART_SIZE = 524_288;
const TOKEN = 'token';
const bounds: FanOutBounds = { maxPending: 20, refillBelow: 10, recordAbove: 5 };
const run = { attempt: 1, round: 0 };

/** An upload, and the stages of a worker as steps that the test takes. */
async function startUpload(id: string, parts: number) {
  const { redis, queues } = connect(world());
  const { prefix } = world();
  const size = (parts - 1) * PART_SIZE + 1;
  const hashed = { fileSha: 'a'.repeat(40), version: { size, mtimeNs: '1', inode: '2' } };
  const workers = new Map<Stage, Worker>();
  const take = async (stage: Stage): Promise<Job | undefined> => {
    const worker = workers.get(stage) ?? new Worker(QUEUES[stage], null, { connection: redis, prefix });
    if (!workers.has(stage)) onTestFinished(() => worker.close());
    workers.set(stage, worker);
    return await worker.getNextJob(TOKEN, { block: false });
  };
  const reconcile = createReconciler({
    ...{ queues, redis, needsSha1: true, childAttempts: 3, fanOut: bounds },
    abortFlags: new AbortFlags(queues.upload, redis, prefix),
    senderLocks: new SenderLocks(queues.upload, redis, prefix),
    files: new FileIndex(redis, prefix, 60),
    events: new VodEventLog(queues.upload, redis),
    backoff: () => 0,
    leave: () => Promise.reject(new Error('newer job')),
    onChange: () => {},
  });
  const complete = async (stage: Stage, value?: unknown): Promise<Job> => {
    const job = await take(stage);
    if (job === undefined) throw new Error(`${stage} has no job`);
    await job.moveToCompleted(value, TOKEN, false);
    return job;
  };
  const upload = {
    queues,
    redis,
    complete,
    /** Takes the upload from its worker, as when that was killed. */
    async giveBack(): Promise<void> {
      if ((await redis.lrem(queues.upload.toKey('active'), 1, id)) === 0) return;
      await redis.del(`${queues.upload.toKey(id)}:lock`);
      await redis.rpush(queues.upload.toKey('wait'), id);
    },
    /** Runs the reconciler once. @returns the upload's result when it has completed */
    async reconcile() {
      const job = await take('upload');
      if (job === undefined) throw new Error('the upload does not wait for a worker');
      return await reconcile(job, TOKEN).catch((error: Error) => {
        if (error.name !== 'WaitingChildrenError') throw error;
      });
    },
    /** Completes parts, and tells the upload, as a worker does. */
    async send(count: number): Promise<void> {
      for (let sent = 0; sent < count; sent++) await complete('part');
      const unqueued = Number(await redis.hget(queues.upload.toKey(id), UNQUEUED_FIELD));
      await new PartRefill(queues, redis, bounds).wakeIfLow(id, await upload.unfinished(), unqueued);
    },
    unfinished: () => redis.scard(`${queues.upload.toKey(id)}:dependencies`),
    finished: () => redis.hlen(`${queues.upload.toKey(id)}:processed`),
    read: () => new ChildrenReader(queues, redis, bounds).read(id, run),
  };
  const data = {
    ...{ schema: SCHEMA_VERSION, source: '/srv/film.mkv', priority: 5, nonce: 'n' },
    video: { name: 'film', type: 'mkv', partSize: PART_SIZE },
  };
  await queues.upload.add('film', data, { ...UPLOAD_JOB_OPTIONS, jobId: id });
  await upload.reconcile();
  await complete('hash', hashed);
  await upload.reconcile();
  await complete('init', { kind: 'send', partSize: PART_SIZE, missing: [[0, parts - 1]] });
  return { ...upload, size };
}

/** Makes all commands fail after some. Those of a pipeline are sent together, so they don't count. */
function failAfter(redis: RedisClient, commands: number): () => void {
  const { sendCommand } = redis;
  let left = commands;
  const send = (command: Command, stream: never): unknown => {
    if (stream !== undefined || left-- > 0) return sendCommand.call(redis, command, stream);
    command.reject(new Error('killed'));
    return command.promise;
  };
  Object.assign(redis, { sendCommand: send });
  return () => void Object.assign(redis, { sendCommand });
}

it('an upload has few part jobs and few results at a time, and loses none of them', async () => {
  const parts = 205;
  const upload = await startUpload('u1', parts);
  await upload.reconcile();
  let sent = 0;
  for (let left = parts; left > 20; left -= 11) {
    expect(await upload.unfinished()).toBe(20);
    await upload.send(11);
    sent += 11;
    await upload.reconcile();
    // Its hash, InitUpload, and none of the parts.
    expect(await upload.finished()).toBe(2);
  }
  const last = await upload.unfinished();
  expect(sent + last).toBe(parts);
  for (let left = last; left > 0; left--) await upload.complete('part');
  await upload.reconcile();
  await upload.complete('finish', { kind: 'finished', fileId: '9', url: 'https://vod.example/9' });
  expect(await upload.reconcile()).toMatchObject({
    ...{ partsSent: parts, partsSkipped: 0, bytesSent: upload.size, fileSize: upload.size },
  });
});

it('a reconciler run costs the same after many parts as after few', async () => {
  const upload = await startUpload('u2', 1000);
  await upload.reconcile();
  const counts: Record<string, number>[] = [];
  for (let portion = 0; portion < 80; portion++) {
    await upload.send(11);
    counts.push(await commandsBy(upload.redis, upload.reconcile));
  }
  expect(counts.at(-1)).toEqual(counts[0]);
});

it('a worker may be killed at any command of a reconciler run', async () => {
  const parts = 75;
  const upload = await startUpload('u7', parts);
  const { redis, queues, complete } = upload;
  let killed = 0;
  /** Runs the reconciler until it ends, with one command more each time. */
  const reconcile = async () => {
    for (let commands = 0; ; commands++) {
      const restore = failAfter(redis, commands);
      try {
        const result = await upload.reconcile();
        restore();
        return result;
      } catch (error) {
        restore();
        expect(error).toMatchObject({ message: 'killed' });
        killed++;
        await upload.giveBack();
      }
    }
  };
  for (let portion = 0; portion < 6; portion++) {
    await reconcile();
    expect(await upload.unfinished()).toBe(Math.min(20, parts - 11 * portion));
    await upload.send(11);
  }
  while ((await queues.part.getPrioritizedCount()) > 0) await complete('part');
  await reconcile();
  await complete('finish', { kind: 'finished', fileId: '9', url: 'https://vod.example/9' });
  expect(await reconcile()).toMatchObject({ partsSent: parts, partsSkipped: 0, bytesSent: upload.size });
  expect(killed).toBeGreaterThan(50);
});

it('parts are sent to the end even if nothing wakes the upload in between', async () => {
  const upload = await startUpload('u3', 50);
  for (const portion of [20, 20, 10]) {
    await upload.reconcile();
    for (let part = 0; part < portion; part++) await upload.complete('part');
  }
  await upload.reconcile();
  await upload.complete('finish', { kind: 'finished', fileId: '9', url: 'https://vod.example/9' });
  expect(await upload.reconcile()).toMatchObject({ partsSent: 50, bytesSent: upload.size });
});

it('a reconciler run that is repeated adds and records nothing twice', async () => {
  const upload = await startUpload('u4', 100);
  await upload.reconcile();
  await upload.send(11);
  await upload.reconcile();
  const before = await upload.read();
  const { redis, queues } = upload;
  // As after a crash between two steps.
  await redis.hdel(queues.upload.toKey('u4'), UNQUEUED_FIELD);
  await redis.zrem(queues.upload.toKey('waiting-children'), 'u4');
  await redis.rpush(queues.upload.toKey('wait'), 'u4');
  await upload.reconcile();
  expect([await upload.unfinished(), await queues.part.getPrioritizedCount()]).toEqual([20, 20]);
  expect((await upload.read()).result(run, 'init')).toEqual(before.result(run, 'init'));
});

it('a worker that was frozen does not overwrite what another one has recorded', async () => {
  const upload = await startUpload('u5', 100);
  await upload.reconcile();
  const { redis, queues } = upload;
  for (let part = 0; part < 8; part++) await upload.complete('part');
  const entries = await redis.hgetall(`${queues.upload.toKey('u5')}:processed`);
  const evaluate = redis.eval.bind(redis);
  // Between its reading and its writing, another worker records the same parts, and a ninth.
  const frozen = new ChildrenReader(
    queues,
    new Proxy(redis, {
      get: (target, property) =>
        property === 'eval'
          ? async (...args: Parameters<typeof evaluate>) => {
              await upload.complete('part');
              await upload.read();
              return await evaluate(...args);
            }
          : (Reflect.get(target, property).bind?.(target) ?? Reflect.get(target, property)),
    }),
    bounds,
  );
  const children = await frozen.read('u5', run);
  expect(Object.keys(entries)).toHaveLength(10);
  expect(children.doneParts(run)).toHaveLength(8);
  expect((await upload.read()).result(run, 'init')).toMatchObject({ missing: [[9, 99]], sent: [[0, 8]] });
});

it('parts that were skipped, and those of other runs, are not recorded', async () => {
  const upload = await startUpload('u6', 100);
  await upload.reconcile();
  const { redis, queues } = upload;
  const key = `${queues.upload.toKey('u6')}:processed`;
  await redis.hset(key, {
    [queues.part.toKey('u6-r1-p50')]: JSON.stringify(PART_SKIPPED),
    [queues.part.toKey('u6-r1.1-p51')]: 'null',
    [queues.part.toKey('u6-r1-pother')]: 'null',
  });
  for (let part = 0; part < 8; part++) await upload.complete('part');
  await upload.read();
  expect(await redis.hlen(key)).toBe(5);
  const children = await upload.read();
  expect(children.result(run, 'init')).toMatchObject({ missing: [[8, 99]], sent: [[0, 7]] });
  expect(children.doneParts(run)).toEqual([]);
});
