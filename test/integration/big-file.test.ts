import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sha1Of } from '../support/files.ts';
import { World } from '../support/world.ts';

const GIB = 2 ** 30;

let world: World;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

it('a file of 1 GiB goes through one worker process that stays under 250 MB', async () => {
  const worker = await world.worker({ LOG_LEVEL: 'info' }).ready();
  // Sparse, with something of its own at both ends: what is measured doesn't depend on the bytes.
  const path = join(world.sources, 'film.mkv');
  const file = await open(path, 'w');
  await file.truncate(GIB);
  await file.write('first bytes', 0);
  await file.write('last bytes', GIB - 10);
  await file.close();
  const result = await (await world.uploads.add({ source: path })).result();
  expect(result).toMatchObject({
    outcome: 'completed',
    partsSent: 1024,
    bytesSent: GIB,
    fileSha: await sha1Of(path),
  });
  const peak = await worker.peakMemory();
  process.stdout.write(
    `1 GiB in ${result.durationMs} ms, peak memory of the worker ${Math.round(peak / 1e6)} MB\n`,
  );
  expect(peak).toBeLessThan(250e6);
});
