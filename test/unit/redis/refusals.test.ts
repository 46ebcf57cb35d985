import { expect, test } from 'vitest';
import type { Logger } from '../../../src/process/log.ts';
import { parseRefusal, type Refusal, Refusals } from '../../../src/redis/refusals.ts';

const WRONG: Refusal = { kind: 'login', reply: 'WRONGPASS invalid username-password pair' };
const FULL: Refusal = { kind: 'full', reply: 'ERR max number of clients reached' };

/** Refusals with a fake clock, and the lines that it logs. */
function createRefusals(target: ConstructorParameters<typeof Refusals>[0]) {
  const clock = { ms: 0 };
  const logged: { readonly msg: string; readonly fix: string }[] = [];
  const warn = (fields: { readonly fix: string }, msg: string) => logged.push({ ...fields, msg });
  const log = { warn } as unknown as Logger;
  return { clock, logged, refusals: new Refusals(target, { log, now: () => clock.ms }) };
}

test.each([
  ['-WRONGPASS invalid username-password pair or user is disabled.\r\n-NOAUTH …', 'login'],
  ['-NOAUTH HELLO must be called with the client already authenticated\r\n', 'login'],
  ['WRONGPASS invalid username-password pair', 'login'],
  ['-ERR invalid password\r\n', 'login'],
  ['-ERR max number of clients reached\r\n', 'full'],
  ['-ERR max number of clients + cluster connections reached\r\n', 'full'],
  ['-NOPROTO unsupported protocol version\r\n', undefined],
  ["-ERR unknown command 'HELLO'\r\n", undefined],
  ['%7\r\n$6\r\nserver\r\n', undefined],
])('parseRefusal: %j is %s', (text, kind) => {
  expect(parseRefusal(text)?.kind).toBe(kind);
  expect(parseRefusal(text)?.reply ?? '').not.toMatch(/^-|[\r\n]/);
});

test('each kind is logged once a minute while refusals continue', () => {
  const { clock, logged, refusals } = createRefusals({ location: 'redis://h' });
  for (; clock.ms < 120_000; clock.ms += 500) refusals.record(WRONG);
  expect(logged).toHaveLength(2);
  refusals.record(FULL);
  expect(logged.map(({ msg }) => msg)).toEqual([
    'redis refuses these credentials',
    'redis refuses these credentials',
    'redis takes no more connections',
  ]);
});

test('a process is unready until ten seconds after the last refusal', () => {
  const { clock, refusals } = createRefusals({ location: 'redis://h' });
  expect(refusals.unready).toBeUndefined();
  refusals.record(WRONG);
  clock.ms = 9999;
  expect(refusals.unready).toBe(
    'Redis refuses these credentials (WRONGPASS invalid username-password pair). ' +
      'Put the right user and password into REDIS_URL, and restart this process.',
  );
  refusals.record(FULL);
  clock.ms += 9999;
  expect(refusals.unready).toContain('(ERR max number of clients reached). Raise its maxclients');
  clock.ms += 1;
  expect(refusals.unready).toBeUndefined();
});

test.each([
  [
    { location: 'redis://h', locationFile: '/f' },
    'the file of REDIS_URL_FILE, which is read again automatically.',
  ],
  [{ location: { cluster: 'h' } }, 'REDIS_CLUSTER_NODES, and restart this process.'],
  [
    { location: { sentinels: 'h', sentinelPassword: 'p' }, sentinelPasswordFile: '/f' },
    'REDIS_SENTINELS or the file of REDIS_SENTINEL_PASSWORD_FILE, which is read again automatically.',
  ],
])('the fix names the variable or its file (%#)', (target, words) => {
  const { logged, refusals } = createRefusals(target);
  refusals.record(WRONG);
  expect(logged[0]?.fix).toBe(`Put the right user and password into ${words}`);
});
