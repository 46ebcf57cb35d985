import { expect, test } from 'vitest';
import { demo } from '../support/demo.ts';

test('uploads a sample twice, prints both SHA-1s, and leaves nothing behind', async () => {
  const { process, expectNothingLeft } = await demo();
  const { exitCode, stdout, stderr } = await process.ended;
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/1st upload +completed in .*: 24\.0 MiB in 24 parts/);
  expect(stdout).toMatch(/2nd upload +instant in /);
  expect(stdout).toMatch(/fileId +\d{19}\n/);
  expect(stdout).toMatch(/url +http:\/\/127\.0\.0\.1:\d+\/files\//);
  expect(stdout).toMatch(
    /SHA-1 +([0-9a-f]{40}) {2}of the file\n +\1 {2}of the video at the url: identical\n/,
  );
  expect(stdout).toMatch(/requests +InitUpload 2, UploadPart 24, FinishUpload 1\n/);
  await expectNothingLeft();
});

test('refuses a missing file before anything starts', async () => {
  const { process, expectNothingLeft } = await demo(['nope.mp4']);
  const { exitCode, stderr } = await process.ended;
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^vod-upload: .*nope\.mp4 does not exist/);
  await expectNothingLeft();
});

test('says how to install Redis when there is none', async () => {
  const { process, expectNothingLeft } = await demo([], { PATH: '/nowhere' });
  const { exitCode, stderr } = await process.ended;
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/apt-get install redis-server.*dnf install valkey.*brew install redis.*REDIS_URL/s);
  await expectNothingLeft();
});
