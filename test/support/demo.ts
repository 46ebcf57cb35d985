import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { MAX_PARTS } from '../../src/upload/plan.ts';
import { CliProcess } from './cli-process.ts';
import { writeSparseFile } from './files.ts';

/** A new directory, deleted after the test. */
export async function directory(): Promise<string> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'vod-demo-test-')));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** Variables that a user may have set. Each would make the demo's processes fail if they inherited it. */
const HOSTILE = {
  VOD_ENDPOINT: 'http://127.0.0.1:1/',
  VOD_API: 'bad',
  VOD_COS_ENDPOINT: 'bad',
  VOD_SECRET_ID: 'users',
  VOD_SECRET_KEY_FILE: '/nowhere',
  QUEUE_PREFIX: 'bad',
  LOG_LEVEL: 'bad',
  http_proxy: 'http://127.0.0.1:1',
};

/** Runs the demo with its own temporary directory, so that leftover files are detected. */
export async function demo(args: readonly string[] = [], more: Record<string, string> = {}) {
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

/** Runs the demo with a file that takes very long to hash; resolves when hashing has started. */
export async function hashingDemo() {
  const file = await writeSparseFile(join(await directory(), 'endless.mp4'), MAX_PARTS * 2 ** 20);
  const started = await demo([file]);
  await started.process.wrote(/endless\.mp4: hashing/);
  return started;
}
