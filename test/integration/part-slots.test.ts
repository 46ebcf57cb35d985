import { expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

const { world, source, inject, stats, slowParts } = useWorld();

it('takes more slots while answers take long, up to the bound, and fewer when VOD refuses for quota', async () => {
  slowParts(300);
  const worker = await world().worker({ PART_CONCURRENCY: '2-16' }).ready();
  const slots = (): Promise<number> => worker.metric('vod_part_slots');
  expect(await slots()).toBe(8);
  const path = await source('slots.mp4', 192 * MIB);
  const upload = await world().uploads.add({ source: path, partSize: 524288 });
  await expect.poll(slots).toBe(16);
  expect(await worker.line(({ msg }) => msg === 'part slots changed')).toMatchObject({
    before: 8,
    slots: 16,
  });
  expect(await worker.metric('vod_parts_in_flight')).toBeLessThanOrEqual(16);
  inject({
    action: 'UploadPart',
    effect: { kind: 'code', code: 4400, canRetry: 1, message: 'quota' },
    share: 1,
  });
  await expect.poll(slots).toBeLessThan(12);
  expect(await slots()).toBeGreaterThanOrEqual(2);
  expect(await world().uploads.cancel(upload.id)).toBe(true);
});

it('stays as it is while too few parts wait to fill the slots', async () => {
  slowParts(20);
  const worker = await world().worker({ PART_CONCURRENCY: '2-64' }).ready();
  for (let index = 0; index < 12; index++) {
    const upload = await world().uploads.add({ source: await source(`few-${index}.mp4`, 2 * MIB) });
    await upload.result();
  }
  expect(stats().parts.accepted).toBe(24);
  expect(await worker.metric('vod_part_slots')).toBe(8);
});
