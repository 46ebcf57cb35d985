import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSparseFile } from '../support/files.ts';
import { useWorld } from '../support/use-world.ts';
import type { WorkerProcess } from '../support/world.ts';

const GIB = 2 ** 30;

const { world } = useWorld({ ownRedis: true });

const sparse = (name: string, size: number) => writeSparseFile(join(world().sources, name), size);

/** A worker that ends when more than this is alive on its heap at a time; what is not is collected before. */
const start = (): Promise<WorkerProcess> =>
  world().worker({ LOG_LEVEL: 'info', NODE_OPTIONS: '--max-old-space-size=64' }).ready();

async function peakAfter(worker: WorkerProcess, sources: string[]): Promise<number> {
  const uploads = await world().uploads.addMany(sources.map((source) => ({ source })));
  const ended = worker.line(() => false);
  await Promise.race([ended, Promise.all(uploads.map((upload) => upload.result()))]);
  const peak = await worker.peakMemory();
  process.stdout.write(`peak of a worker: ${Math.round(peak / 1e6)} MB\n`);
  return peak;
}

it('a worker does not hold a file of 2 GiB', async () => {
  expect(await peakAfter(await start(), [await sparse('large.mkv', 2 * GIB)])).toBeLessThan(GIB);
});

it('a worker on a backlog of 3,000 files keeps none of them on its heap', async () => {
  const sources = Array.from({ length: 3000 }, (_, index) => sparse(`small-${index}.mp4`, 20_000));
  const worker = await start();
  await peakAfter(worker, await Promise.all(sources));
  expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
});

describe('by API 3.0', () => {
  const { world: api3World } = useWorld({ ownRedis: true, api: '2018-07-17' });
  const partSize = 64 * 2 ** 20;
  const slots = 8;

  it('a worker does not hold the parts of 64 MiB that it sends', async () => {
    const source = await writeSparseFile(join(api3World().sources, 'large.mkv'), 2 * slots * partSize);
    const worker = await api3World()
      .worker({ LOG_LEVEL: 'info', PART_CONCURRENCY: String(slots) })
      .ready();
    const upload = await api3World().uploads.add({ source, partSize });
    expect(await upload.result()).toMatchObject({ partsSent: 2 * slots });
    const peak = await worker.peakMemory();
    process.stdout.write(`peak of a worker: ${Math.round(peak / 1e6)} MB\n`);
    expect(peak).toBeLessThan(slots * partSize);
  });
});
