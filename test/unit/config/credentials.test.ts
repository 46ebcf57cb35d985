import fs, { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { createCredentialsReader } from '../../../src/config/credentials.ts';

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

test('changed files are read again, both at once and at most once a second', async () => {
  const read = reader(FROM_FILES);
  expect(await read()).toEqual({ secretId: 'id-1', secretKey: 'key-1' });
  replace(idFile, 'id-2');
  replace(keyFile, 'key-2');
  nowMs += 999;
  expect(await read()).toEqual({ secretId: 'id-1', secretKey: 'key-1' });
  nowMs += 1;
  // Requests at the same time wait for the same look.
  expect(await Promise.all([read(), read()])).toEqual(
    Array(2).fill({ secretId: 'id-2', secretKey: 'key-2' }),
  );
  expect(lines).toHaveLength(1);
  expect(lines.join()).toContain('read again');
  expect(lines.join()).not.toMatch(/key-|id-\d/);
});

test('one that changed between the start and the first look is read, too', async () => {
  const read = reader(FROM_FILES);
  replace(keyFile, 'key-3');
  nowMs += 1000;
  expect((await read()).secretKey).toBe('key-3');
});

test('a file that is written in place is read, however it is caught', async () => {
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
  'one that is %s for a while leaves the old value, is told once, and is taken up again',
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

test('without files nothing is looked at, and what is missing is told at the start', async () => {
  const read = reader({ VOD_SECRET_ID: 'a', VOD_SECRET_KEY: 'b' });
  nowMs += 5000;
  expect(await read()).toEqual({ secretId: 'a', secretKey: 'b' });
  const mixed = reader({ VOD_SECRET_ID: 'a', VOD_SECRET_KEY_FILE: keyFile });
  expect(await mixed()).toEqual({ secretId: 'a', secretKey: 'key-1' });
  expect(() => reader({ VOD_SECRET_ID: 'a' })).toThrow(ConfigError);
});

/** Files can't be looked at until they are let go. @returns what tells how many looks wait, and lets them go */
function holdDisk(): { waiting(): number; letGo(): void } {
  const { stat } = fs.promises;
  const hung: (() => void)[] = [];
  fs.promises.stat = (async (...args: Parameters<typeof stat>) => {
    await new Promise<void>((resolve) => hung.push(resolve));
    return await stat(...args);
  }) as typeof stat;
  syncBuiltinESMExports();
  const letGo = (): void => {
    fs.promises.stat = stat;
    syncBuiltinESMExports();
    for (const resolve of hung.splice(0)) resolve();
  };
  onTestFinished(letGo);
  return { waiting: () => hung.length, letGo };
}

test('files whose disk hangs leave the old values, keep requests for a second, and are looked at once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const read = reader(FROM_FILES);
  const disk = holdDisk();
  replace(idFile, 'id-2');
  replace(keyFile, 'key-2');
  nowMs += 1000;
  const old = { secretId: 'id-1', secretKey: 'key-1' };
  const waiting = [read(), read()];
  await vi.advanceTimersByTimeAsync(999);
  expect(await Promise.race([...waiting, 'waits'])).toBe('waits');
  await vi.advanceTimersByTimeAsync(1);
  expect(await Promise.all(waiting)).toEqual([old, old]);
  // Far more than Node has threads for such calls.
  for (let second = 0; second < 20; second++) {
    nowMs += 1000;
    expect(await read()).toEqual(old);
  }
  expect(disk.waiting()).toBe(1);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 40, paths: [idFile, keyFile] }]);
  disk.letGo();
  await expect.poll(read).toEqual({ secretId: 'id-2', secretKey: 'key-2' });
});
