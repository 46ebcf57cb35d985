import { expect, test } from 'vitest';
import { parseRedisInfo } from '../../../src/redis/info.ts';
import { INFO } from './info-texts.ts';

test('parseRedisInfo reads the INFO of Redis, Valkey and Dragonfly', () => {
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
