import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const { world, source } = useWorld({ api: '2018-07-17' });

it('an upload whose cover one worker does not see is begun by another', async () => {
  const elsewhere = await mkdtemp(join(world().sources, '..', 'elsewhere-'));
  const others = ['--stages', 'upload,hash,part,finish'];
  await world().worker({}, others).ready();
  const blind = await world()
    .worker({ SOURCE_ROOTS: elsewhere, SOURCE_GRACE_MS: '600000', PART_ATTEMPTS: '1' }, ['--stages', 'init'])
    .ready();
  const options = { source: await source('a.mp4', 1000), cover: await source('a.jpg', 1000) };
  const upload = await world().uploads.add(options);
  const left = await blind.line(({ msg, next }) => msg === 'attempt failed' && next === 'left');
  expect(left).toMatchObject({ stage: 'init', code: 'SOURCE_OUTSIDE_ROOTS' });
  expect(left.reason).toContain(`the cover ${options.cover} is outside the directories`);
  await world().worker({}, ['--stages', 'init']).ready();
  expect(await upload.result()).toMatchObject({ outcome: 'completed' });
});

it('a worker without SOURCE_ROOTS begins uploads that have no cover, and fails those that have one', async () => {
  await world().worker({}, ['--stages', 'upload,hash,part,finish']).ready();
  await world().worker({ SOURCE_ROOTS: '', SOURCE_GRACE_MS: '0' }, ['--stages', 'init']).ready();
  const video = await source('b.mp4', 1000);
  const cover = await source('b.jpg', 1000);
  const [without, withCover] = await world().uploads.addMany([{ source: video }, { source: video, cover }]);
  expect(await without?.result()).toMatchObject({ outcome: 'completed' });
  await expect(withCover?.result()).rejects.toMatchObject({ code: 'SOURCE_OUTSIDE_ROOTS', retryable: false });
  const { error } = (await withCover?.status()) ?? {};
  expect(error?.message).toMatch(
    /^the cover .*\/b\.jpg can't be read by any worker .*: it has no SOURCE_ROOTS; /,
  );
});
