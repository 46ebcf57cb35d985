import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { closeQueues, openQueues } from '../../src/queue/queues.ts';
import { Retention } from '../../src/queue/retention.ts';
import { workerConnection } from '../../src/redis/connection.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source } = useWorld();

const DAY_MS = 86_400_000;

async function completed(name: string): Promise<Upload> {
  const upload = await world().uploads.add({ source: await source(name, 1000) });
  await upload.result();
  return upload;
}

/** Changes the end of an upload to `days` ago. */
async function age({ id }: Upload, days: number): Promise<void> {
  const endedMs = Date.now() - days * DAY_MS;
  await withQueue(world(), async (redis, key) => {
    const change = redis.multi().zadd(key('vod-upload:completed'), endedMs, id);
    await change.hset(key(`vod-upload:${id}`), 'finishedOn', endedMs).exec();
  });
}

const isThere = async ({ id }: Upload): Promise<boolean> => (await world().uploads.get(id)) !== undefined;

describe('uploads that ended too long ago', () => {
  it('are removed when a worker starts, without another ended upload', async () => {
    const first = await world().worker().ready();
    const [old, young] = [await completed('old.mp4'), await completed('young.mp4')];
    await first.end('SIGTERM');
    await age(old, 5);
    const second = await world().worker({ KEEP_COMPLETED_DAYS: '1' }).ready();
    await second.line(({ msg }) => msg === 'old jobs removed');
    expect([await isThere(old), await isThere(young)]).toEqual([false, true]);
  });

  it('are removed while a worker runs', async () => {
    const worker = await world().worker().ready();
    const upload = await completed('ages.mp4');
    await worker.end('SIGTERM');
    const redis = workerConnection({ location: world().redisUrl }, () => {});
    const queues = openQueues(redis, world().prefix, {});
    const keep = { completedSeconds: 86_400, failedSeconds: 86_400 };
    const retention = new Retention({ queues, keep, log: pino({ level: 'silent' }), intervalMs: 20 });
    onTestFinished(async () => {
      retention.stop();
      await closeQueues(queues);
      redis.disconnect();
    });
    await age(upload, 2);
    await expect.poll(() => isThere(upload)).toBe(false);
  });
});
