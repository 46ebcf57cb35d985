import { expect, it } from 'vitest';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source } = useWorld();

/** Maximum number of stalls of a job. */
const MOST_STALLS = 20;

/** Changes an upload's job as if its worker was killed and its lock has expired. */
async function abandon(id: string): Promise<void> {
  await withQueue(world(), async (redis, key) => {
    await redis.lrem(key('vod-upload:wait'), 0, id);
    await redis.zrem(key('vod-upload:prioritized'), id);
    await redis.lpush(key('vod-upload:active'), id);
  });
}

it('an upload that failed after too many stalls can be retried, and survives another stall', async () => {
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
