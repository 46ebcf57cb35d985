import fs, { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { createCredentialsReader } from '../../../src/config/credentials-reader.ts';

const dir = mkdtempSync(join(tmpdir(), 'vod-credentials-'));
afterAll(() => rmSync(dir, { recursive: true }));
const idFile = join(dir, 'id');
const keyFile = join(dir, 'key');

let nowMs = 0;
let lines: string[] = [];
const log = pino({ level: 'trace', base: null }, { write: (line: string) => void lines.push(line) });

beforeEach(() => {
  writeFileSync(idFile, 'id-1\n');
  writeFileSync(keyFile, 'key-1\n');
  lines = [];
});

const reader = (env: Record<string, string>) =>
  createCredentialsReader(loadConfig(env), { log, now: () => nowMs });
const FROM_FILES = { VOD_SECRET_ID_FILE: idFile, VOD_SECRET_KEY_FILE: keyFile };

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

test('changed files are read again together, at most once a second', async () => {
  const read = reader(FROM_FILES);
  expect(await read()).toEqual({ secretId: 'id-1', secretKey: 'key-1' });
  replace(idFile, 'id-2');
  replace(keyFile, 'key-2');
  nowMs += 999;
  expect(await read()).toEqual({ secretId: 'id-1', secretKey: 'key-1' });
  nowMs += 1;
  // Concurrent requests wait for the same check.
  expect(await Promise.all([read(), read()])).toEqual(
    Array(2).fill({ secretId: 'id-2', secretKey: 'key-2' }),
  );
  expect(lines).toHaveLength(1);
  expect(lines.join()).toContain('read again');
  expect(lines.join()).not.toMatch(/key-|id-\d/);
});

test('a file that changed between the start and the first check is read', async () => {
  const read = reader(FROM_FILES);
  replace(keyFile, 'key-3');
  nowMs += 1000;
  expect((await read()).secretKey).toBe('key-3');
});

test('a file that is written in place is read, also when it is half written', async () => {
  const read = reader(FROM_FILES);
  writeFileSync(keyFile, 'half');
  nowMs += 1000;
  expect((await read()).secretKey).toBe('half');
  writeFileSync(keyFile, 'half and half');
  nowMs += 1000;
  expect((await read()).secretKey).toBe('half and half');
});

test.each([
  ['missing', () => rmSync(keyFile), 'ENOENT'],
  ['empty', () => writeFileSync(keyFile, ' \n'), 'EMPTY'],
])(
  'while a file is %s, the old value stays in use; it is logged once, and a new file is read',
  async (_, spoil, code) => {
    const read = reader(FROM_FILES);
    spoil();
    for (let second = 0; second < 3; second++) {
      nowMs += 1000;
      expect((await read()).secretKey).toBe('key-1');
    }
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 40, path: keyFile, code });
    replace(keyFile, 'key-4');
    nowMs += 1000;
    expect((await read()).secretKey).toBe('key-4');
    rmSync(keyFile);
    nowMs += 1000;
    await read();
    expect(lines.filter((line) => line.includes('ENOENT'))).toHaveLength(code === 'ENOENT' ? 2 : 1);
  },
);

test('without files nothing is read; missing credentials are an error at the start', async () => {
  const read = reader({ VOD_SECRET_ID: 'a', VOD_SECRET_KEY: 'b' });
  nowMs += 5000;
  expect(await read()).toEqual({ secretId: 'a', secretKey: 'b' });
  const mixed = reader({ VOD_SECRET_ID: 'a', VOD_SECRET_KEY_FILE: keyFile });
  expect(await mixed()).toEqual({ secretId: 'a', secretKey: 'key-1' });
  expect(() => reader({ VOD_SECRET_ID: 'a' })).toThrow(ConfigError);
});

/** Makes `stat` hang until `release` is called. */
function hangDisk(): { waiting(): number; release(): void } {
  const { stat } = fs.promises;
  const hung: (() => void)[] = [];
  fs.promises.stat = (async (...args: Parameters<typeof stat>) => {
    await new Promise<void>((resolve) => hung.push(resolve));
    return await stat(...args);
  }) as typeof stat;
  syncBuiltinESMExports();
  const release = (): void => {
    fs.promises.stat = stat;
    syncBuiltinESMExports();
    for (const resolve of hung.splice(0)) resolve();
  };
  onTestFinished(release);
  return { waiting: () => hung.length, release };
}

test('while the disk hangs, the old values stay in use, requests wait for at most a second, and one check runs', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const read = reader(FROM_FILES);
  const disk = hangDisk();
  replace(idFile, 'id-2');
  replace(keyFile, 'key-2');
  nowMs += 1000;
  const old = { secretId: 'id-1', secretKey: 'key-1' };
  const waiting = [read(), read()];
  await vi.advanceTimersByTimeAsync(999);
  expect(await Promise.race([...waiting, 'waits'])).toBe('waits');
  await vi.advanceTimersByTimeAsync(1);
  expect(await Promise.all(waiting)).toEqual([old, old]);
  // Far more checks than libuv has threads.
  for (let second = 0; second < 20; second++) {
    nowMs += 1000;
    expect(await read()).toEqual(old);
  }
  expect(disk.waiting()).toBe(1);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, paths: [idFile, keyFile] }]);
  disk.release();
  await expect.poll(read).toEqual({ secretId: 'id-2', secretKey: 'key-2' });
});
