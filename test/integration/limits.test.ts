import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeSparseFile } from '../support/files.ts';
import { obeys, runLimits } from '../support/limits.ts';
import { useWorld } from '../support/use-world.ts';

const PART = 524288;

const { world, gate } = useWorld();

test('part slots change for all workers in the middle of an upload, until they are unset', async () => {
  const parts = gate({ action: 'UploadPart' });
  const start = () => world().worker({ PART_CONCURRENCY: '2' }).ready();
  const workers = await Promise.all([start(), start()]);
  const limits = (...args: readonly string[]) => runLimits(world(), ...args);
  const inForce = (value: string, source: 'redis' | 'variable') =>
    Promise.all(workers.map((worker) => obeys(worker, value, source)));
  /** That each worker sends so many parts, and no more. */
  const expectEach = async (slots: number) => {
    await parts.reached(2 * slots);
    for (const worker of workers) {
      expect(await worker.metric('vod_part_slots')).toBe(slots);
      expect(await worker.metric('vod_part_slots_max')).toBe(slots);
      await expect.poll(() => worker.metric('vod_parts_in_flight')).toBe(slots);
    }
    expect(parts.waiting()).toBe(2 * slots);
  };
  const path = await writeSparseFile(join(world().sources, 'limits.mp4'), 60 * PART);
  const upload = await world().uploads.add({ source: path, partSize: PART });
  await expectEach(2);

  expect((await limits('set', 'part-slots', '5')).stdout).toMatch(/^part-slots +5 +5$/m);
  await inForce('5', 'redis');
  // BullMQ takes more jobs when the next one has ended.
  parts.open(4);
  await expectEach(5);

  await limits('set', 'part-slots', 'sun-sat', '00:00-24:00=1');
  await inForce('1', 'redis');
  // Those in flight are left to end; their slots are not given again.
  parts.open(9);
  await expect.poll(parts.waiting).toBe(2);
  await expectEach(1);

  const unset = await limits('unset', 'part-slots', '--json');
  expect(JSON.parse(unset.stdout)).toMatchObject({ name: 'part-slots', source: 'variable', set: null });
  await inForce('2', 'variable');
  parts.open(2);
  await expectEach(2);
  parts.open();
  expect((await upload.result()).partsSent).toBe(60);
});
