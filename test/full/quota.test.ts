import { expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const QUOTA = 100;
const UPLOADS = 2 * QUOTA + 20;

const quotaPerMinute = { init: QUOTA, finish: QUOTA };
const { world, addUploads, stats, inject } = useWorld({ quotaPerMinute });

it('four workers with a backlog and retries exceed no quota in any real minute', async () => {
  inject({ action: 'InitUpload', effect: { kind: 'code', code: -10004, canRetry: 1 }, share: 0.1 });
  inject({ action: 'FinishUpload', effect: { kind: 'code', code: -10004, canRetry: 1 }, share: 0.1 });
  const env = {
    VOD_QUOTA_INIT_PER_MINUTE: `${QUOTA}`,
    VOD_QUOTA_FINISH_PER_MINUTE: `${QUOTA}`,
    // A busy machine may take that long to send a request.
    VOD_QUOTA_GUARD_MS: '10000',
    PART_ATTEMPTS: '20',
  };
  await Promise.all([1, 2, 3, 4].map(() => world().worker(env).ready()));
  const uploads = await addUploads(UPLOADS);
  for (const upload of uploads) expect((await upload.result()).outcome).toBe('completed');
  const { requests, peakPerWindow, quotaRefusals, files } = stats();
  // Refused by the fault, and sent again.
  expect(requests.InitUpload.total).toBeGreaterThan(UPLOADS);
  expect(quotaRefusals).toMatchObject({ InitUpload: 0, FinishUpload: 0 });
  expect(peakPerWindow.InitUpload).toBeLessThanOrEqual(QUOTA);
  expect(peakPerWindow.FinishUpload).toBeLessThanOrEqual(QUOTA);
  expect(files).toHaveLength(UPLOADS);
});
