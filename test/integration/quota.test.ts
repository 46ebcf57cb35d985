import { expect, it } from 'vitest';
import { connect } from '../support/consumer.ts';
import { useWorld } from '../support/use-world.ts';

const MINUTE_MS = 60_000;

const { world, source, stats } = useWorld();

it('all workers together stay within the account’s quota, with any number of uploads', async () => {
  const startedAt = performance.now();
  const env = { VOD_QUOTA_INIT_PER_MINUTE: '1', VOD_QUOTA_FINISH_PER_MINUTE: '1' };
  await Promise.all([1, 2].map(() => world().worker(env).ready()));
  const paths = await Promise.all([1, 2, 3, 4].map((index) => source(`${index}.mp4`, index)));
  const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
  await Promise.any(uploads.map((upload) => upload.result()));
  const { total } = stats().requests.InitUpload;
  const minutes = Math.floor((performance.now() - startedAt) / MINUTE_MS);
  expect(total).toBeLessThanOrEqual(1 + minutes);
  const { init, part, finish } = connect(world()).queues;
  const limits = await Promise.all([init, part, finish].map((queue) => queue.getGlobalRateLimit()));
  const own = { max: 1, duration: MINUTE_MS + 1000 };
  expect(limits).toEqual([own, { max: 1_000_000_000, duration: 1000 }, own]);
});
