import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadConfig, requireCredentials } from '../../../src/config/config.ts';
import { problemsOf } from './problems.ts';

const dir = mkdtempSync(join(tmpdir(), 'vod-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('secrets are read from files', () => {
  const path = join(dir, 'key');
  writeFileSync(path, 'from-file\n');
  const config = loadConfig({ VOD_SECRET_ID: 'id', VOD_SECRET_KEY_FILE: path });
  expect(requireCredentials(config)).toEqual({ secretId: 'id', secretKey: 'from-file' });
});

test('a file that is missing or empty, and a value that is set twice, are problems', () => {
  const empty = join(dir, 'empty');
  writeFileSync(empty, ' \n');
  const urlPath = join(dir, 'redis-url');
  writeFileSync(urlPath, 'redis://user:pass@redis.example:6380/2\n');
  expect(loadConfig({ REDIS_URL_FILE: urlPath }).redis).toEqual({
    ...loadConfig({ REDIS_URL: 'redis://user:pass@redis.example:6380/2' }).redis,
    locationFile: urlPath,
  });
  expect(problemsOf(() => loadConfig({ REDIS_URL_FILE: urlPath, REDIS_SENTINELS: 's1' }))).toHaveLength(1);
  expect(problemsOf(() => loadConfig({ VOD_SECRET_KEY_FILE: join(dir, 'none') }))).toEqual([
    `VOD_SECRET_KEY_FILE can't be read: ${join(dir, 'none')} (ENOENT)`,
  ]);
  expect(problemsOf(() => loadConfig({ VOD_SECRET_KEY_FILE: empty }))[0]).toContain('empty file');
  expect(problemsOf(() => loadConfig({ VOD_SECRET_ID: 'x', VOD_SECRET_ID_FILE: empty }))[0]).toContain(
    'both set',
  );
});

test('the paths of secret files are kept, so that the files can be read again', () => {
  const path = join(dir, 'key-file');
  writeFileSync(path, 'x');
  const { vod } = loadConfig({ VOD_SECRET_ID: 'id', VOD_SECRET_KEY_FILE: path });
  expect(vod.secretKeyFile).toBe(path);
  expect(vod).not.toHaveProperty('secretIdFile');
});
