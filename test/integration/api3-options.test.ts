import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const { world, source, stats, download } = useWorld({ api: '2018-07-17', pathMode: true });

it('all options arrive at VOD, and the cover', async () => {
  await world().worker().ready();
  const path = await source('film.mp4', 1000);
  const cover = await source('poster.JPG', 5000);
  const upload = await world().uploads.add({
    ...{ source: path, cover, name: 'launch', classId: 7, procedure: 'LongVideoPreset' },
    ...{ storageRegion: 'ap-chongqing', storagePath: '/2031/launch.mp4', sourceContext: 'order 7' },
    expireTime: new Date('2031-01-01T00:00:00Z'),
  });
  const { fileId } = await upload.result();
  const [stored] = stats().files;
  expect(stored).toMatchObject({ fileId, name: 'launch', type: 'mp4', classId: 7 });
  expect(stored?.media).toMatchObject({
    ...{ procedure: 'LongVideoPreset', region: 'ap-chongqing', key: '2031/launch.mp4' },
    ...{ sourceContext: `order 7 ${upload.id}`, expireTime: '2031-01-01T00:00:00Z' },
    coverUrl: expect.stringMatching(/\.jpg$/),
  });
  expect(await download(stored?.media?.coverUrl ?? null)).toEqual(await readFile(cover));
});

it('the same content is uploaded once with hash: true', async () => {
  await world().worker().ready();
  const path = await source('c.mp4', 1000);
  const [first, second] = await world().uploads.addMany([
    { source: path, hash: true },
    { source: path, hash: true },
  ]);
  const results = [await first?.result(), await second?.result()];
  expect(results.map((result) => result?.outcome).sort()).toEqual(['completed', 'instant']);
  expect(results[0]?.fileId).toBe(results[1]?.fileId);
  expect(stats().requests.ApplyUpload.total).toBe(1);
});
