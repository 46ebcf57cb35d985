import { describe, expect, test } from 'vitest';
import { decide } from '../../../deploy/system-packages.ts';

function machine(facts: { programs?: string[]; root?: boolean; variables?: Record<string, string> }) {
  const { programs = [], root = false, variables = {} } = facts;
  return { isRoot: root, hasProgram: (name: string) => programs.includes(name), variables };
}

describe('nothing is to be done', () => {
  test.each([
    ['a redis-server', { programs: ['redis-server'] }],
    ['a valkey-server', { programs: ['valkey-server'] }],
    ['a REDIS_URL', { variables: { REDIS_URL: 'redis://elsewhere' } }],
  ])('with %s, even as root', (_, facts) => {
    expect(decide(['redis'], machine({ root: true, ...facts }))).toEqual({ kind: 'nothing' });
  });

  test('when nothing is asked for', () => expect(decide([], machine({}))).toEqual({ kind: 'nothing' }));
});

test('root with apt-get installs', () => {
  expect(decide(['redis'], machine({ root: true, programs: ['apt-get'] }))).toEqual({
    kind: 'install',
    missing: ['redis-server'],
  });
});

test.each([
  ['root without apt-get', { root: true }, '  apt-get install -y redis-server'],
  ['a user with apt-get', { programs: ['apt-get'] }, '  sudo apt-get install -y redis-server'],
  ['an empty REDIS_URL', { variables: { REDIS_URL: '' } }, '  sudo apt-get install -y redis-server'],
])('%s is told the commands', (_, facts, command) => {
  const decision = decide(['redis'], machine(facts));
  const text = decision.kind === 'tell' ? decision.text : '';
  expect(text).toContain(`${command} `);
  expect(text).toMatch(/dnf install -y valkey/);
  expect(text).toMatch(/brew install redis/);
  expect(text).toContain('REDIS_URL');
});

test('a user is told of everything that is missing at once', () => {
  const decision = decide(['redis', 'prometheus', 'chromium'], machine({ programs: ['redis-server'] }));
  const text = decision.kind === 'tell' ? decision.text : '';
  expect(text).toContain('sudo apt-get install -y prometheus chromium ');
  expect(text).not.toContain('REDIS_URL');
});

test.each(['nix', 'constructor'])('a package that is not in the table, %s, is refused', (name) => {
  expect(() => decide([name], machine({}))).toThrow(/there are: redis/);
});
