import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { startRedisServer } from '../../src/demo/redis-server.ts';
import { demo, directory, hashingDemo } from '../support/demo.ts';
import { sha1Of, writeRandomFile } from '../support/files.ts';
import { hasProgram } from '../support/programs.ts';

test('uses a file and a Redis of the user, and leaves both unchanged', async () => {
  const file = await writeRandomFile(join(await directory(), 'mine.mp4'), 600_000, 7);
  const fileSha = await sha1Of(file);
  const redis = await startRedisServer();
  onTestFinished(() => redis.stop());
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  await client.set('theirs', '1');
  const { process, expectNothingLeft } = await demo([file], { REDIS_URL: redis.url });
  const { exitCode, stdout } = await process.ended;
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`${fileSha}  of the file`);
  expect(stdout).toContain('UploadPart 1,');
  expect(await sha1Of(file)).toBe(fileSha);
  await expectNothingLeft();
  expect(await client.keys('*')).toEqual(['theirs']);
  // Workers fetch their jobs with BZPOPMIN.
  expect(await client.info('commandstats')).toMatch(/cmdstat_bzpopmin:calls=[1-9]/);
});

test('uploads a sample twice by API 3.0, the second time without sending it', async () => {
  const { process, expectNothingLeft } = await demo(['--api', '2018-07-17']);
  const { exitCode, stdout, stderr } = await process.ended;
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/API +API 3\.0 \(2018-07-17\)\n/);
  expect(stdout).toMatch(/1st upload +completed in .*: 24\.0 MiB in 3 parts/);
  expect(stdout).toMatch(/2nd upload +instant in .*: an upload with the same SHA-1 has a video already/);
  expect(stdout).toMatch(/url +http:\/\/127\.0\.0\.1:\d+\/files\//);
  expect(stdout).toMatch(
    /SHA-1 +([0-9a-f]{40}) {2}of the file\n +\1 {2}of the video at the url: identical\n/,
  );
  expect(stdout).toMatch(
    /requests +ApplyUpload 1, InitiateMultipartUpload 1, UploadPart 3, ListParts 1, CompleteMultipartUpload 1, HeadObject 1, CommitUpload 1, DescribeMediaInfos 1\n/,
  );
  await expectNothingLeft();
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s during an upload removes everything', async (signal) => {
  const { process, expectNothingLeft } = await hashingDemo();
  process.signal(signal);
  const { exitCode, stdout } = await process.ended;
  expect({ exitCode, stdout }).toEqual({ exitCode: signal === 'SIGINT' ? 130 : 143, stdout: '' });
  await expectNothingLeft();
});

test('a killed worker ends the demo, with the last lines of the worker', async () => {
  const { process, expectNothingLeft } = await hashingDemo();
  const { stdout: processes } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args=']);
  const worker = processes
    .split('\n')
    .map((line) => /^ *(\d+) +(\d+) .*cli\.ts worker$/.exec(line))
    .find((found) => found?.[2] === String(process.child.pid));
  globalThis.process.kill(Number(worker?.[1]), 'SIGKILL');
  const { exitCode, stdout, stderr } = await process.ended;
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toMatch(/vod-upload: vod-upload worker ended \(SIGKILL\)\n( +.*\n)* +.*worker is ready/);
  await expectNothingLeft();
});

test('--keep keeps everything running, with web pages, until a signal', async () => {
  const { process, expectNothingLeft } = await demo(['--keep']);
  const [, command = ''] = await process.wrote(/Upload another file, in another shell:\n +(.*)\n/);
  const link = (label: string): string =>
    new RegExp(`^${label} +(http://\\S+)`, 'm').exec(process.stdout)?.[1] ?? `no ${label}`;
  const page = async (url: string): Promise<string> => {
    const response = await fetch(url);
    expect(response.status, url).toBe(200);
    return await response.text();
  };
  expect(await page(link('uploads'))).toContain('sample.mp4');
  expect(await page(link('dashboard'))).toContain('<html');
  expect(await page(link('metrics'))).toContain('vod_uploads_total{outcome="completed"} 1');
  expect(await page(link(''))).toContain('vod_queue_jobs{queue="vod-upload",state="completed"} 2');
  expect(await page(link('emulator'))).toContain('"InitUpload"');
  if (hasProgram('prometheus')) {
    const { host } = new URL(link('Prometheus'));
    const query = `http://${host}/api/v1/query?query=sum(vod_uploads_total)`;
    await expect.poll(() => page(query)).toContain('"2"]');
  }
  // The command works as printed, in any directory.
  const pasted = await promisify(execFile)('sh', ['-c', command], { cwd: await directory() });
  expect(pasted.stdout).toMatch(/^another\.mp4: completed in /);
  process.signal('SIGINT');
  const { exitCode, stderr } = await process.ended;
  expect(exitCode).toBe(130);
  expect(stderr).toMatch(/vod-upload: interrupted; nothing is left behind\n$/);
  await expectNothingLeft();
});
