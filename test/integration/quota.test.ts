import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeRandomFile } from '../support/files.ts';
import { World } from '../support/world.ts';

/** A minute of this emulator's. */
const MINUTE_MS = 10_000;
const QUOTA = 120;

let world: World;

beforeAll(async () => {
  world = await World.create({
    emulator: { quotaPerMinute: { init: QUOTA, finish: QUOTA }, quotaWindowMs: MINUTE_MS },
  });
});
afterAll(() => world.close());

it('four workers with a backlog and retries use at least 95 % of the quota, and never more than all of it', async () => {
  const env = {
    VOD_QUOTA_INIT_PER_MINUTE: `${QUOTA}`,
    VOD_QUOTA_FINISH_PER_MINUTE: `${QUOTA}`,
    VOD_QUOTA_WINDOW_MS: `${MINUTE_MS}`,
    LOG_LEVEL: 'info',
  };
  await Promise.all([1, 2, 3, 4].map(() => world.worker(env).ready()));
  world.emulator.control.inject({
    action: 'InitUpload',
    effect: { kind: 'code', code: -10005, canRetry: 1 },
    share: 0.1,
    seed: 7,
  });
  const count = 2 * QUOTA;
  const paths: string[] = [];
  for (let index = 0; index < count; index++) {
    paths.push(await writeRandomFile(join(world.sources, `${index}.mp4`), 10 + index, index));
  }
  const uploads = await world.uploads.addMany(paths.map((source) => ({ source })));
  for (const upload of uploads) await upload.result();
  const { quotaRefusals, peakPerWindow, requests, files } = world.emulator.control.stats();
  expect(quotaRefusals).toMatchObject({ InitUpload: 0, UploadPart: 0, FinishUpload: 0 });
  expect(peakPerWindow.InitUpload).toBeLessThanOrEqual(QUOTA);
  expect(peakPerWindow.InitUpload).toBeGreaterThanOrEqual(0.95 * QUOTA);
  expect(peakPerWindow.FinishUpload).toBeLessThanOrEqual(QUOTA);
  expect(requests.InitUpload.total).toBeGreaterThan(count);
  expect(files).toHaveLength(count);
});
