import { expect, test } from 'vitest';
import {
  isConnectionError,
  isRedisError,
  nodeError,
  RedisUnavailableError,
  refusedError,
} from '../../../src/redis/errors.ts';

function errorOf(message: string, properties: object = {}): Error {
  return Object.assign(new Error(message), properties);
}

test('RedisUnavailableError keeps only name, message and code of its cause: the command may hold the password', () => {
  const cause = errorOf('WRONGPASS', { name: 'ReplyError', code: 'X', command: { args: ['planted'] } });
  const error = new RedisUnavailableError('redis://u:planted@h', 'is unreachable', cause);
  expect(error.message).toBe(
    'Redis at redis://u:***@h is unreachable. Is REDIS_URL right, and Redis running?',
  );
  expect(error.cause).toMatchObject({ name: 'ReplyError', message: 'WRONGPASS', code: 'X' });
  expect(error.cause).not.toHaveProperty('command');
});

test.each([
  [errorOf('READONLY', { name: 'ReplyError' }), true, false],
  [errorOf('Connection is closed.'), true, true],
  [errorOf('Command timed out'), true, true],
  [errorOf('connect refused', { code: 'ECONNREFUSED' }), false, true],
  [errorOf('WRONGPASS', { name: 'ReplyError' }), true, true],
  [errorOf('the file changed'), false, false],
])('%s: isRedisError %s, isConnectionError %s', (error, isRedis, isConnection) => {
  expect([isRedisError(error), isConnectionError(error)]).toEqual([isRedis, isConnection]);
});

test.each([
  [errorOf('ERR max number of clients reached'), /takes no more connections .*Raise its maxclients/],
  [errorOf('NOAUTH Authentication required.'), /refuses these credentials \(NOAUTH/],
  [errorOf('bad', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), /not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/],
  [errorOf('self-signed certificate'), /not trusted \(self-signed certificate\)/],
])('refusedError explains %s', (error, message) => {
  expect(refusedError(error, 'rediss://h')?.message).toMatch(message);
});

test('refusedError returns undefined for errors that pass', () => {
  expect(refusedError(errorOf('no', { code: 'ECONNREFUSED' }), 'redis://h')).toBeUndefined();
});

test('nodeError prefers the error of the last node of a cluster', () => {
  const lastNodeError = errorOf('NOAUTH');
  expect(nodeError(errorOf('Failed to refresh slots cache.', { lastNodeError }))).toBe(lastNodeError);
  expect(nodeError(lastNodeError)).toBe(lastNodeError);
});
