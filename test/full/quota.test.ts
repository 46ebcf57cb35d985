import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeRandomFile } from '../support/files.ts';
import { World } from '../support/world.ts';

const QUOTA = 100;

let world: World;

beforeAll(async () => {
  world = await World.create({ emulator: { quotaPerMinute: { init: QUOTA, finish: QUOTA } } });
});
afterAll(() => world.close());

it('four workers with a backlog and retries use an account’s quota, and no sliding minute sees more of it', async () => {
  const env = { VOD_QUOTA_INIT_PER_MINUTE: `${QUOTA}`, VOD_QUOTA_FINISH_PER_MINUTE: `${QUOTA}` };
  await Promise.all([1, 2, 3, 4].map(() => world.worker({ ...env, LOG_LEVEL: 'info' }).ready()));
  world.emulator.control.inject({
    action: 'InitUpload',
    effect: { kind: 'code', code: -10005, canRetry: 1 },
    share: 0.1,
    seed: 7,
  });
  const count = 2 * QUOTA + 20;
  const paths: string[] = [];
  for (let index = 0; index < count; index++) {
    paths.push(await writeRandomFile(join(world.sources, `${index}.mp4`), 10 + index, index));
  }
  const uploads = await world.uploads.addMany(paths.map((source) => ({ source })));
  const startedAt = performance.now();
  await Promise.all(uploads.map((upload) => upload.result()));
  const minutes = (performance.now() - startedAt) / 60_000;
  const { quotaRefusals, peakPerWindow, requests, files } = world.emulator.control.stats();
  process.stdout.write(
    `${count} uploads in ${minutes.toFixed(2)} min; most in a sliding minute: ${peakPerWindow.InitUpload} InitUpload\n`,
  );
  expect(quotaRefusals).toMatchObject({ InitUpload: 0, UploadPart: 0, FinishUpload: 0 });
  expect(peakPerWindow.InitUpload).toBeLessThanOrEqual(QUOTA);
  expect(peakPerWindow.InitUpload).toBeGreaterThanOrEqual(0.95 * QUOTA);
  expect(peakPerWindow.FinishUpload).toBeLessThanOrEqual(QUOTA);
  expect(requests.InitUpload.total).toBeGreaterThan(count);
  expect(files).toHaveLength(count);
});
