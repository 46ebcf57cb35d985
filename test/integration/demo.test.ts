import { execFile } from 'node:child_process';
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { startRedisServer } from '../../src/demo/redis-server.ts';
import { MAX_FILE_BYTES } from '../../src/upload/plan.ts';
import { CliProcess } from '../support/cli-process.ts';
import { sha1Of, writeRandomFile, writeSparseFile } from '../support/files.ts';
import { hasProgram } from '../support/programs.ts';

async function directory(): Promise<string> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'vod-demo-test-')));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** What a user may have set, and what would make each process of the demo fail if it reached it. */
const HOSTILE = {
  VOD_ENDPOINT: 'http://127.0.0.1:1/',
  VOD_SECRET_ID: 'theirs',
  VOD_SECRET_KEY_FILE: '/nowhere',
  QUEUE_PREFIX: 'bad',
  LOG_LEVEL: 'bad',
  http_proxy: 'http://127.0.0.1:1',
};

/** The demo in a temporary directory of its own, so that what it leaves behind is seen. */
async function demo(args: readonly string[] = [], more: Record<string, string> = {}) {
  const temp = await directory();
  const env = { TMPDIR: temp, ...HOSTILE, ...more };
  const process = new CliProcess(['demo', ...args], { env, cwd: await directory() });
  onTestFinished(async () => {
    if (process.groupIsAlive) process.signal('SIGINT');
    await process.ended;
  });
  return {
    process,
    async expectNothingLeft(): Promise<void> {
      expect(process.groupIsAlive).toBe(false);
      expect(await readdir(temp)).toEqual([]);
    },
  };
}

test('it uploads a sample twice, shows both SHA-1s, and leaves nothing', async () => {
  const { process, expectNothingLeft } = await demo();
  const { exitCode, stdout, stderr } = await process.ended;
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/1st upload +completed in .*: 24\.0 MiB in 24 parts/);
  expect(stdout).toMatch(/2nd upload +instant in /);
  expect(stdout).toMatch(/fileId +\d{19}\n/);
  expect(stdout).toMatch(/url +http:\/\/127\.0\.0\.1:\d+\/files\//);
  expect(stdout).toMatch(
    /SHA-1 +([0-9a-f]{40}) {2}of the file\n +\1 {2}of the bytes that the url gave back: the same\n/,
  );
  expect(stdout).toMatch(/requests +InitUpload 2, UploadPart 24, FinishUpload 1\n/);
  await expectNothingLeft();
});

test('it takes a file and a Redis of the user’s, and leaves both as they were', async () => {
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
  // What workers read their jobs by.
  expect(await client.info('commandstats')).toMatch(/cmdstat_bzpopmin:calls=[1-9]/);
});

/** A demo with a file that takes for ever to hash, once it is being hashed. */
async function hashingDemo() {
  const file = await writeSparseFile(join(await directory(), 'endless.mp4'), MAX_FILE_BYTES);
  const started = await demo([file]);
  await started.process.wrote(/endless\.mp4: hashing/);
  return started;
}

test.each(['SIGINT', 'SIGTERM'] as const)('%s in the middle takes everything away', async (signal) => {
  const { process, expectNothingLeft } = await hashingDemo();
  process.signal(signal);
  const { exitCode, stdout } = await process.ended;
  expect({ exitCode, stdout }).toEqual({ exitCode: signal === 'SIGINT' ? 130 : 143, stdout: '' });
  await expectNothingLeft();
});

test('a worker that dies ends it, with what the worker said last', async () => {
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

test('with --keep everything stays, with pages to look at, until a signal comes', async () => {
  const { process, expectNothingLeft } = await demo(['--keep']);
  const [, command = ''] = await process.wrote(/Upload one more, from another shell:\n +(.*)\n/);
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
  // It can be pasted as it is, into any directory's shell.
  const pasted = await promisify(execFile)('sh', ['-c', command], { cwd: await directory() });
  expect(pasted.stdout).toMatch(/^another\.mp4: completed in /);
  process.signal('SIGINT');
  const { exitCode, stderr } = await process.ended;
  expect(exitCode).toBe(130);
  expect(stderr).toMatch(/vod-upload: interrupted; nothing is left behind\n$/);
  await expectNothingLeft();
});

test('a file that is not there is refused before anything starts', async () => {
  const { process, expectNothingLeft } = await demo(['nope.mp4']);
  const { exitCode, stderr } = await process.ended;
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^vod-upload: .*nope\.mp4 does not exist/);
  await expectNothingLeft();
});

test('without any Redis it says how to get one', async () => {
  const { process, expectNothingLeft } = await demo([], { PATH: '/nowhere' });
  const { exitCode, stderr } = await process.ended;
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/apt-get install redis-server.*dnf install valkey.*brew install redis.*REDIS_URL/s);
  await expectNothingLeft();
});
