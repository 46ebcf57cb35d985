/** `npm run screenshot`: takes docs/uploads-page.png, the picture in the README, of real uploads in an emulator. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Upload, UploadOptions } from '../../src/index.ts';
import { startChromium } from '../support/chromium.ts';
import { writeRandomFile } from '../support/files.ts';
import { exitOnSignals } from '../support/whole-run.ts';
import { World } from '../support/world.ts';

const PICTURE = fileURLToPath(new URL('../../docs/uploads-page.png', import.meta.url));
const MIB = 1048576;
/** What the worker sends, so that the large files are on their way when the picture is taken. */
const BYTES_PER_SECOND = 5_000_000;

exitOnSignals();
const world = await World.create();
const browser = await startChromium();
try {
  await world.worker({ MAX_BYTES_PER_SECOND: String(BYTES_PER_SECOND), PART_CONCURRENCY: '4' }).ready();
  const { url } = await world.ops().ready();
  const page = await browser.newPage({ viewport: { width: 1280, height: 740 } });
  await page.goto(`${url}/uploads`);
  await addUploads();
  await page.reload();
  await page.screenshot({ path: PICTURE });
  process.stdout.write(`wrote ${PICTURE}\n`);
} finally {
  await browser.close();
  await world.close();
}

/** Adds uploads that complete, are instant, fail, are being sent and wait, in this order. */
async function addUploads(): Promise<void> {
  const launch = await add('launch.mp4', 4, { tags: ['launch'] });
  await add('teaser-en.mp4', 3);
  await launch.result();
  await copyFile(join(world.sources, 'launch.mp4'), join(world.sources, 'launch-copy.mp4'));
  await (await world.uploads.add({ source: join(world.sources, 'launch-copy.mp4') })).result();
  const refused = { kind: 'code', code: 4000, canRetry: 0, message: 'invalid classId' } as const;
  world.emulator.control.inject({ action: 'InitUpload', effect: refused });
  await (await add('interview.mov', 2, { classId: 77 })).result().catch(() => {});
  const film = await add('keynote-2026.mp4', 80, { key: 'keynote-2026' });
  const talk = await add('talk-scaling-redis.mp4', 64);
  for (const name of ['panel-day-1.mp4', 'panel-day-2.mp4']) await add(name, 1, { delay: 3_600_000 });
  await untilSent(film, 0.5);
  await untilSent(talk, 0.3);
}

async function add(name: string, mib: number, options: Partial<UploadOptions> = {}): Promise<Upload> {
  const source = await writeRandomFile(join(world.sources, name), mib * MIB, name.length * 31 + mib);
  return await world.uploads.add({ source, ...options });
}

async function untilSent(upload: Upload, share: number): Promise<void> {
  for (;;) {
    const { progress } = await upload.status();
    if (progress.totalBytes > 0 && progress.bytesSent >= share * progress.totalBytes) return;
    await setTimeout(200);
  }
}
