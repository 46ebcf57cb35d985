import { describe, expect, test } from 'vitest';
import { findRedisProblems } from '../../../src/redis/check.ts';
import { parseRedisInfo } from '../../../src/redis/info.ts';
import type { RedisLocation } from '../../../src/redis/location.ts';

/** INFO as the servers print it, but for lines that nobody looks at. */
const INFO = {
  redis60: info(['redis_version:6.0.16', 'redis_mode:standalone'], { policy: 'noeviction', aof: 1 }),
  redis62: info(['redis_version:6.2.14', 'redis_mode:standalone'], { policy: 'volatile-lru', aof: 0 }),
  redis70: info(['redis_version:7.0.15', 'redis_mode:standalone'], { policy: 'noeviction', aof: 1 }),
  valkey8: info(
    ['redis_version:7.2.4', 'server_name:valkey', 'valkey_version:8.0.1', 'valkey_release_stage:ga'],
    { policy: 'allkeys-lru', aof: 0 },
  ),
  replica: info(['redis_version:7.0.15'], { policy: 'noeviction', aof: 1, role: 'slave' }),
  // A proxy in front of a managed one shows what it likes.
  terse: '# Server\r\nredis_version:6.2.6\r\n',
} as const;

function info(
  server: readonly string[],
  { policy, aof, role = 'master' }: { policy: string; aof: 0 | 1; role?: string },
): string {
  return [
    '# Server',
    ...server,
    'os:Linux 6.1.0-18-amd64 x86_64',
    'executable:/usr/bin/redis-server',
    'config_file:/etc/redis/redis.conf',
    '',
    '# Memory',
    'used_memory:1012345',
    'maxmemory:0',
    `maxmemory_policy:${policy}`,
    'mem_allocator:jemalloc-5.3.0',
    '',
    '# Persistence',
    'loading:0',
    'rdb_changes_since_last_save:0',
    'rdb_last_save_time:1795384185',
    `aof_enabled:${aof}`,
    'aof_last_write_status:ok',
    '',
    '# Replication',
    `role:${role}`,
    'connected_slaves:0',
    '',
  ].join('\r\n');
}

test('INFO is read, whoever made the server', () => {
  expect(parseRedisInfo(INFO.redis60)).toEqual({
    product: 'Redis 6.0.16',
    version: '6.0.16',
    maxmemoryPolicy: 'noeviction',
    aofEnabled: true,
    replica: false,
    mode: 'server',
    replicas: 0,
    requiresReplicas: false,
  });
  expect(parseRedisInfo(INFO.valkey8)).toMatchObject({ product: 'Valkey 8.0.1', version: '7.2.4' });
  expect(parseRedisInfo('redis_version:6.2.11\r\ndragonfly_version:df-v1.25.1\r\n').product).toBe(
    'Dragonfly 1.25.1',
  );
  expect(parseRedisInfo('')).toEqual({
    product: 'Redis of an unknown version',
    version: '',
    replica: false,
    mode: 'server',
    replicas: 0,
    requiresReplicas: false,
  });
});

const findings = (text: string, savePoints?: string, location: RedisLocation = 'redis://h') =>
  findRedisProblems(parseRedisInfo(text), savePoints, location);

describe('the version', () => {
  test('before 6.2 nothing works, and the version is named', () => {
    expect(findings(INFO.redis60).fatal).toEqual({
      problem: 'it is Redis 6.0.16',
      fix: 'use Redis 6.2 or newer, or Valkey',
    });
    for (const version of ['2.8.24', '5.0.14', '6.1.240'])
      expect(findings(`redis_version:${version}`).fatal?.problem).toContain(version);
  });

  test.each(['6.2.0', '6.10.1', '7.0.15', '8.2.1', '10.0', '255.255.255'])('%s is enough', (version) => {
    expect(findings(`redis_version:${version}`).fatal).toBeUndefined();
  });

  test('one that tells no version is given the benefit of the doubt', () => {
    expect(findings('')).toEqual({ problems: [] });
  });
});

test('a replica takes no uploads', () => {
  expect(findings(INFO.replica).fatal?.problem).toContain('replica');
});

describe('what can lose uploads', () => {
  test('nothing, with noeviction and AOF or save points', () => {
    expect(findings(INFO.redis70)).toEqual({ problems: [], persistent: true });
    expect(findings(INFO.redis70.replace('aof_enabled:1', 'aof_enabled:0'), '3600 1 300 100')).toEqual({
      problems: [],
      persistent: true,
    });
  });

  test('each is named, with the command that mends it', () => {
    const { problems, persistent } = findings(INFO.valkey8, '');
    expect(persistent).toBe(false);
    expect(problems).toEqual([
      {
        problem: expect.stringContaining('maxmemory-policy is allkeys-lru'),
        fix: expect.stringContaining('CONFIG SET maxmemory-policy noeviction'),
      },
      {
        problem: expect.stringContaining('persistence is off'),
        fix: expect.stringContaining('CONFIG SET appendonly yes'),
      },
    ]);
  });

  test('what can’t be told is no problem, and not taken for good', () => {
    const found = findings(INFO.redis62);
    expect(found.problems.map(({ problem }) => problem)).toEqual([expect.stringContaining('volatile-lru')]);
    expect(found).not.toHaveProperty('persistent');
    expect(findings(INFO.terse)).toEqual({ problems: [] });
  });
});

describe('another kind of Redis than was configured', () => {
  const cluster = `${INFO.redis70}cluster_enabled:1\r\n`;

  test('is fatal, and the variable to set is named', () => {
    expect(findings(cluster).fatal).toEqual({
      problem: 'it is a node of a cluster',
      fix: 'set REDIS_CLUSTER_NODES instead of REDIS_URL',
    });
    expect(findings(cluster, '', { cluster: 'h' }).fatal).toBeUndefined();
    expect(findings('redis_version:7.0.15\r\nredis_mode:sentinel\r\n').fatal?.fix).toBe(
      'set REDIS_SENTINELS instead of REDIS_URL',
    );
  });
});

describe('a primary that goes on without its replicas', () => {
  const primary = (replicas: number, more = '') =>
    INFO.redis70.replace('connected_slaves:0', `connected_slaves:${replicas}${more}`);
  const problemsOf = (text: string, location: RedisLocation = { sentinels: 'h' }) =>
    findings(text, '', location).problems.map(({ problem }) => problem.split(':')[0]);

  test('is a problem where sentinels may make another one the primary, and replicas enough to do without one', () => {
    expect(problemsOf(primary(2))).toEqual(['min-replicas-to-write is 0']);
    expect(problemsOf(primary(2, '\r\nmin_slaves_good_slaves:2'))).toEqual([]);
    expect(problemsOf(primary(1))).toEqual([]);
    expect(problemsOf(primary(2), 'redis://h')).toEqual([]);
    expect(problemsOf(primary(2), { cluster: 'h' })).toEqual([]);
  });
});
