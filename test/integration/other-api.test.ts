import { expect, it, onTestFinished } from 'vitest';
import { type UploadOptions, VodUploads } from '../../src/index.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source, stats } = useWorld();

it('a worker with another VOD_API refuses the options that its API lacks, for good', async () => {
  const { redisUrl: connection, prefix, sources } = world();
  const uploads = new VodUploads({ connection, prefix, sourceRoots: [sources], api: '2018-07-17' });
  onTestFinished(() => uploads.close());
  const options: UploadOptions = {
    source: await source('film.mp4', 1000),
    cover: await source('poster.jpg', 1000),
    procedure: 'LongVideoPreset',
  };
  const upload = await uploads.add(options);
  await world().worker().ready();
  await expect(upload.result()).rejects.toMatchObject({ code: 'UNSUPPORTED_OPTION', retryable: false });
  const { message } = (await upload.status()).error ?? {};
  expect(message?.split('; ')).toEqual([
    expect.stringMatching(/^procedure is only for API 3\.0: /),
    expect.stringMatching(/^cover is only for API 3\.0: /),
  ]);
  expect(stats().requests.InitUpload?.total ?? 0).toBe(0);
});
