import { describe, expect, test } from 'vitest';
import { findRedisProblems } from '../../../src/redis/check.ts';
import { parseRedisInfo } from '../../../src/redis/info.ts';
import type { RedisLocation } from '../../../src/redis/location.ts';
import { INFO } from './info-texts.ts';

const findings = (text: string, savePoints?: string, location: RedisLocation = 'redis://h') =>
  findRedisProblems(parseRedisInfo(text), savePoints, location);

describe('the version', () => {
  test('before 6.2 is fatal', () => {
    expect(findings(INFO.redis60).fatal).toEqual({
      problem: 'it is Redis 6.0.16',
      fix: 'use Redis 6.2 or newer, or Valkey',
    });
    for (const version of ['2.8.24', '5.0.14', '6.1.240'])
      expect(findings(`redis_version:${version}`).fatal?.problem).toContain(version);
  });

  test.each(['6.2.0', '6.10.1', '7.0.15', '8.2.1', '10.0', '255.255.255'])('%s is supported', (version) => {
    expect(findings(`redis_version:${version}`).fatal).toBeUndefined();
  });

  test('an unknown version is no problem', () => {
    expect(findings('')).toEqual({ problems: [] });
  });
});

test('a replica is fatal', () => {
  expect(findings(INFO.replica).fatal?.problem).toContain('replica');
});

describe('problems', () => {
  test('there are none with noeviction and AOF or save points', () => {
    expect(findings(INFO.redis70)).toEqual({ problems: [], persistent: true });
    expect(findings(INFO.redis70.replace('aof_enabled:1', 'aof_enabled:0'), '3600 1 300 100')).toEqual({
      problems: [],
      persistent: true,
    });
  });

  test('each has a fix with a command', () => {
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

  test('unknown persistence is no problem, and is not reported as persistent', () => {
    const found = findings(INFO.redis62);
    expect(found.problems.map(({ problem }) => problem)).toEqual([expect.stringContaining('volatile-lru')]);
    expect(found).not.toHaveProperty('persistent');
    expect(findings(INFO.terse)).toEqual({ problems: [] });
  });
});

describe('a cluster node or sentinel instead of a server', () => {
  const cluster = `${INFO.redis70}cluster_enabled:1\r\n`;

  test('is fatal, and the fix names the variable to set', () => {
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

describe('min-replicas-to-write 0', () => {
  const primary = (replicas: number, more = '') =>
    INFO.redis70.replace('connected_slaves:0', `connected_slaves:${replicas}${more}`);
  const problemsOf = (text: string, location: RedisLocation = { sentinels: 'h' }) =>
    findings(text, '', location).problems.map(({ problem }) => problem.split(':')[0]);

  test('is a problem only with sentinels and more than one replica', () => {
    expect(problemsOf(primary(2))).toEqual(['min-replicas-to-write is 0']);
    expect(problemsOf(primary(2, '\r\nmin_slaves_good_slaves:2'))).toEqual([]);
    expect(problemsOf(primary(1))).toEqual([]);
    expect(problemsOf(primary(2), 'redis://h')).toEqual([]);
    expect(problemsOf(primary(2), { cluster: 'h' })).toEqual([]);
  });
});
