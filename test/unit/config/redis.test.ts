import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { problemsOf } from './problems.ts';

const dir = mkdtempSync(join(tmpdir(), 'vod-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('REDIS_CA_FILE takes PEM certificates, and requires TLS', () => {
  const path = join(dir, 'ca.pem');
  writeFileSync(path, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const problems = (url: string, file: string): readonly string[] =>
    problemsOf(() => loadConfig({ REDIS_URL: url, REDIS_CA_FILE: file }));
  expect(problems('rediss://h', path)).toEqual([`REDIS_CA_FILE does not contain PEM certificates: ${path}`]);
  expect(problems('rediss://h', join(dir, 'none'))[0]).toContain("REDIS_CA_FILE can't be read");
  const [authority = ''] = rootCertificates;
  writeFileSync(path, authority);
  expect(loadConfig({ REDIS_URL: 'rediss://h', REDIS_CA_FILE: path }).redis.ca).toBe(authority.trim());
  expect(problems('redis://h', path)[0]).toContain('REDIS_URL is without TLS');
  const cluster = (nodes: string) => loadConfig({ REDIS_CLUSTER_NODES: nodes, REDIS_CA_FILE: path });
  expect(cluster('rediss://h1,h2').redis.ca).toBe(authority.trim());
  expect(problemsOf(() => cluster('h1,h2'))[0]).toContain('REDIS_CLUSTER_NODES is without TLS');
});

test('a message never contains the password of Redis', () => {
  for (const name of ['REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_SENTINELS']) {
    for (const url of ['redis://u:planted@h/abc', '/planted', 'http://u:planted@h', 'redis://planted:%zz@h'])
      expect(problemsOf(() => loadConfig({ [name]: url })).join()).not.toContain('planted');
  }
});

test('REDIS_CLUSTER_NODES and REDIS_SENTINELS replace REDIS_URL', () => {
  const location = (env: Record<string, string>) => loadConfig(env).redis.location;
  expect(location({ REDIS_CLUSTER_NODES: 'h1:7000,h2' })).toEqual({ cluster: 'h1:7000,h2' });
  expect(location({ REDIS_SENTINELS: 'redis://u:p@h1,h2/1' })).toEqual({
    sentinels: 'redis://u:p@h1,h2/1',
  });
  const sentinel = {
    REDIS_SENTINELS: 'h1,h2,h3',
    REDIS_SENTINEL_MASTER: 'videos',
    REDIS_SENTINEL_USERNAME: 'watcher',
    REDIS_SENTINEL_PASSWORD: 'secret',
  };
  expect(location(sentinel)).toEqual({
    sentinels: 'h1,h2,h3',
    master: 'videos',
    sentinelUsername: 'watcher',
    sentinelPassword: 'secret',
  });
});

test('only one address of Redis may be set, and variables that contradict it are reported', () => {
  expect(
    problemsOf(() =>
      loadConfig({
        REDIS_URL: 'redis://h',
        REDIS_CLUSTER_NODES: 'h1,h2',
        REDIS_SENTINEL_MASTER: 'videos',
        REDIS_SENTINEL_USERNAME: 'watcher',
      }),
    ),
  ).toEqual([
    'REDIS_URL and REDIS_CLUSTER_NODES are set: only one of them can be the address of Redis',
    'REDIS_SENTINEL_MASTER is set, but REDIS_SENTINELS is not',
    'REDIS_SENTINEL_USERNAME is set, but REDIS_SENTINELS is not',
    'REDIS_SENTINEL_USERNAME is set, but REDIS_SENTINEL_PASSWORD is not',
  ]);
  const wrong = { REDIS_CLUSTER_NODES: 'h1,,h2', REDIS_SENTINELS: 'redis://h?tls=0' };
  expect(problemsOf(() => loadConfig(wrong)).map((problem) => problem.split(' ')[0])).toEqual([
    'REDIS_CLUSTER_NODES',
    'REDIS_SENTINELS',
  ]);
  // A cluster has one database only.
  expect(problemsOf(() => loadConfig({ REDIS_CLUSTER_NODES: 'redis://h/1' }))).toHaveLength(1);
  expect(
    problemsOf(() => loadConfig({ REDIS_SENTINELS: 'h', REDIS_SENTINEL_MASTER: 'my master' })),
  ).toHaveLength(1);
});
