import { expect, it } from 'vitest';
import { connect } from '../support/consumer.ts';
import { useWorld } from '../support/use-world.ts';

const QUOTA = 10;
const UPLOADS = 30;

const quotaPerSecond = { ApplyUpload: QUOTA, CommitUpload: QUOTA };
const { world, addUploads, stats, inject } = useWorld({ api: '2018-07-17', quotaPerSecond });

it('four workers with a backlog exceed no quota in any real second', async () => {
  // A busy machine may take that long to send a request.
  const env = { VOD_QUOTA_PER_SECOND: `${QUOTA}`, VOD_QUOTA_GUARD_MS: '5000', PART_ATTEMPTS: '20' };
  inject({ action: 'ApplyUpload', effect: { kind: 'error', code: 'InternalError' }, count: 3 });
  await Promise.all([1, 2, 3, 4].map(() => world().worker(env).ready()));
  const uploads = await addUploads(UPLOADS);
  for (const upload of uploads) expect((await upload.result()).outcome).toBe('completed');
  const { requests, peakPerWindow, quotaRefusals } = stats();
  expect(requests.ApplyUpload.total).toBe(UPLOADS + 3);
  expect(quotaRefusals).toMatchObject({ ApplyUpload: 0, CommitUpload: 0 });
  expect(peakPerWindow.ApplyUpload).toBeLessThanOrEqual(QUOTA);
  expect(peakPerWindow.CommitUpload).toBeLessThanOrEqual(QUOTA);
});

it('a refusal for quota holds the queue, and spends no attempt', async () => {
  for (const action of ['ApplyUpload', 'CommitUpload'] as const)
    inject({ action, effect: { kind: 'error', code: 'RequestLimitExceeded' }, after: 1, count: 2 });
  const worker = await world().worker({ PART_ATTEMPTS: '1', VOD_QUOTA_PER_SECOND: '50' }).ready();
  const uploads = await addUploads(4);
  for (const upload of uploads) expect((await upload.result()).outcome).toBe('completed');
  for (const action of ['ApplyUpload', 'CommitUpload'] as const)
    expect(stats().requests[action].byResult).toMatchObject({ RequestLimitExceeded: 2, ok: 4 });
  expect(worker.lines.filter(({ msg, next }) => msg === 'attempt failed' && next !== 'held')).toEqual([]);
  const { init } = connect(world()).queues;
  expect(await init.getJobCountByTypes('failed')).toBe(0);
});
