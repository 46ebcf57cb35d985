import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { problemsOf } from './problems.ts';

const dir = mkdtempSync(join(tmpdir(), 'vod-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('WEBHOOK_URL takes safe receivers, and requires WEBHOOK_SECRETS', () => {
  const secret = `whsec_${'a'.repeat(32)}`;
  const path = join(dir, 'webhooks');
  writeFileSync(path, `${secret}\n${secret.replaceAll('a', 'b')}\n`);
  const urls = 'https://a.example/hook?token=x, https://b.example/ https://c.example:8443/';
  expect(loadConfig({ WEBHOOK_URL: urls, WEBHOOK_SECRETS_FILE: path }).webhooks).toEqual({
    urls: ['https://a.example/hook?token=x', 'https://b.example/', 'https://c.example:8443/'],
    secrets: [secret, secret.replaceAll('a', 'b')],
    allowPrivate: false,
    retryHours: 24,
  });
  expect(loadConfig({}).webhooks).toMatchObject({ urls: [], secrets: [] });
  const problems = (env: Record<string, string>): readonly string[] => problemsOf(() => loadConfig(env));
  expect(problems({ WEBHOOK_URL: 'https://a.example/' })).toEqual([
    'WEBHOOK_SECRETS is not set, but WEBHOOK_URL is: webhooks are always signed',
  ]);
  expect(problems({ WEBHOOK_SECRETS: 'planted-secret' })).toEqual([
    'WEBHOOK_SECRETS must be whsec_ followed by 24 to 64 random bytes in base64',
  ]);
  const three = [secret, secret, secret].join(',');
  expect(problems({ WEBHOOK_SECRETS: three })[0]).toContain('must be one secret, or two');
  const inside = {
    WEBHOOK_SECRETS: secret,
    WEBHOOK_URL: 'https://a.example http://10.0.0.1/planted ftp://x/planted',
  };
  expect(problems(inside)).toEqual([
    'WEBHOOK_URL (URL 2 of 3) must begin with https://, unless WEBHOOK_ALLOW_PRIVATE is 1',
    'WEBHOOK_URL (URL 3 of 3) must be a URL that begins with https://',
  ]);
  expect(problems({ ...inside, WEBHOOK_ALLOW_PRIVATE: '1' })).toHaveLength(1);
});
