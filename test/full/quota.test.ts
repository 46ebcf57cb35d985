import { expect, it } from 'vitest';
import { QUEUES } from '../../src/queue/names.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const QUOTA = 100;

const { world, source, stats } = useWorld({ ownRedis: true });

/** When jobs of a queue were started, in ms of the clock of Redis, which also counts them for the limit. */
async function startsOf(queue: string): Promise<number[]> {
  const entries = await withQueue(world(), (redis, key) => redis.xrange(key(`${queue}:events`), '-', '+'));
  return entries
    .filter(([, fields]) => fields[fields.indexOf('event') + 1] === 'active')
    .map(([id]) => Number(id.split('-')[0]));
}

/** The most that began in any sliding minute. */
function busiestMinute(starts: readonly number[]): number {
  const within = (from: number): number => starts.filter((ms) => ms >= from && ms < from + 60_000).length;
  return Math.max(...starts.map(within));
}

it('three workers with a backlog begin no more requests in any sliding minute than an account’s quota', async () => {
  const env = { VOD_QUOTA_INIT_PER_MINUTE: `${QUOTA}`, VOD_QUOTA_FINISH_PER_MINUTE: `${QUOTA}` };
  await Promise.all(
    [1, 2, 3].map(() =>
      world()
        .worker({ ...env, LOG_LEVEL: 'info' })
        .ready(),
    ),
  );
  const count = 2 * QUOTA + 40;
  const paths: string[] = [];
  for (let index = 0; index < count; index++) paths.push(await source(`${index}.mp4`, 10 + index));
  const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
  const startedAt = performance.now();
  await Promise.all(uploads.map((upload) => upload.result()));
  const minutes = (performance.now() - startedAt) / 60_000;
  process.stdout.write(`${count} uploads in ${minutes.toFixed(2)} min\n`);
  for (const stage of ['init', 'finish'] as const) {
    const starts = await startsOf(QUEUES[stage]);
    expect(starts, stage).toHaveLength(count);
    expect(busiestMinute(starts), stage).toBeLessThanOrEqual(QUOTA);
  }
  expect(stats().requests.InitUpload.total).toBe(count);
  expect(stats().files).toHaveLength(count);
});
