import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeSparseFile } from '../support/files.ts';
import { useWorld } from '../support/use-world.ts';

const PART = 524288;

const { world, inject, gate } = useWorld();

it('takes more slots while all are busy, and fewer when VOD refuses for quota', async () => {
  const parts = gate({ action: 'UploadPart' });
  const env = { PART_CONCURRENCY: '2-16', VOD_QUOTA_WINDOW_MS: '1000' };
  const worker = await world().worker(env).ready();
  const path = await writeSparseFile(join(world().sources, 'slots.mp4'), 600 * PART);
  const upload = await world().uploads.add({ source: path, partSize: PART });
  await parts.reached(8);
  expect(await worker.metric('vod_part_slots')).toBe(8);
  expect(await worker.metric('vod_parts_in_flight')).toBe(8);
  // One at a time is answered, so that hardly a slot is ever free, until the worker tries more of them.
  let grown = false;
  const growth = worker.line(({ msg }) => msg === 'part slots changed').finally(() => (grown = true));
  while (!grown) {
    await parts.reached(8);
    parts.open(1);
  }
  expect(await growth).toMatchObject({ before: 8, slots: 16 });
  await parts.reached(16);
  expect(await worker.metric('vod_parts_in_flight')).toBe(16);

  // What was at work before says nothing of the new number; of those that come now, one is refused.
  inject({ action: 'UploadPart', effect: { kind: 'code', code: 4400, canRetry: 1, message: 'quota' } });
  parts.open(16);
  await parts.reached(16);
  // It is the first of them; after more of them the trial of 16 might be over.
  parts.open(1);
  const strained = await worker.line(({ msg, before }) => msg === 'part slots changed' && before === 16);
  expect(strained.slots).toBe(5);
  parts.open(15);
  await parts.reached(5);
  expect(parts.waiting()).toBe(5);
  expect(await worker.metric('vod_part_slots')).toBe(5);
  expect(await worker.metric('vod_parts_in_flight')).toBe(5);
  expect(await world().uploads.cancel(upload.id)).toBe(true);
});
