import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeSparseFile } from '../support/files.ts';
import { type WorkerProcess, World } from '../support/world.ts';

const GIB = 2 ** 30;

let world: World;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

const sparse = (name: string, size: number) => writeSparseFile(join(world.sources, name), size);

it('a worker stays small with a file of 1 GiB, and grows neither with the file nor with the backlog', async () => {
  const peakAfter = async (worker: WorkerProcess, sources: string[]): Promise<number> => {
    const uploads = await world.uploads.addMany(sources.map((source) => ({ source })));
    await Promise.all(uploads.map((upload) => upload.result()));
    const peak = await worker.peakMemory();
    await worker.end('SIGTERM');
    return peak;
  };
  const start = () => world.worker({ LOG_LEVEL: 'info' }).ready();
  const one = await peakAfter(await start(), [await sparse('one.mkv', GIB)]);
  const four = await peakAfter(await start(), [await sparse('four.mkv', 4 * GIB)]);
  const small = await Promise.all(
    [...Array(3000).keys()].map((index) => sparse(`small-${index}.mp4`, 20_000)),
  );
  const many = await peakAfter(await start(), small);
  const megabytes = [one, four, many].map((bytes) => Math.round(bytes / 1e6));
  process.stdout.write(
    `peak MB of a worker: ${megabytes[0]} (1 GiB), ${megabytes[1]} (4 GiB), ${megabytes[2]} (3,000 files)\n`,
  );
  // Run from its sources; the build, which `npm run bench -- memory` measures, needs a quarter less.
  expect(one).toBeLessThan(290e6);
  expect(four).toBeLessThan(one + 40e6);
  expect(many).toBeLessThan(one + 40e6);
});
