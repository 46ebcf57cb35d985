import { expect, it } from 'vitest';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source } = useWorld();

/** As often as a job may stall in its life. */
const MOST_STALLS = 20;

/** Leaves an upload's job as a worker does that has taken it and died, once its lock has run out. */
async function abandon(id: string): Promise<void> {
  await withQueue(world(), async (redis, key) => {
    await redis.lrem(key('vod-upload:wait'), 0, id);
    await redis.zrem(key('vod-upload:prioritized'), id);
    await redis.lpush(key('vod-upload:active'), id);
  });
}

it('an upload that has failed for its stalls can be retried, and does not fail at the next one', async () => {
  const { uploads } = world();
  const upload = await uploads.add({ source: await source('stalls.mp4', 1000) });
  const job = `vod-upload:${upload.id}`;
  await withQueue(world(), (redis, key) => redis.hset(key(job), 'stc', MOST_STALLS));
  await abandon(upload.id);
  const first = await world().worker({}, ['--stages', 'upload']).ready();
  await first.line(({ msg }) => msg === 'upload failed');
  await first.end();
  expect((await upload.status()).error).toMatchObject({ code: 'STALLED', retryable: true });

  await uploads.retry(upload.id);
  await abandon(upload.id);
  await world().worker().ready();
  expect((await upload.result()).outcome).toBe('completed');
  expect(await withQueue(world(), (redis, key) => redis.hget(key(job), 'stc'))).toBe('1');
});
