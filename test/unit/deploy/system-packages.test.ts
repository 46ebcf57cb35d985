import { describe, expect, test } from 'vitest';
import { decide } from '../../../deploy/system-packages.ts';

function machine(facts: { programs?: string[]; root?: boolean; variables?: Record<string, string> }) {
  const { programs = [], root = false, variables = {} } = facts;
  return { isRoot: root, hasProgram: (name: string) => programs.includes(name), variables };
}

describe('does nothing', () => {
  test.each([
    ['a redis-server', { programs: ['redis-server'] }],
    ['a valkey-server', { programs: ['valkey-server'] }],
    ['a REDIS_URL', { variables: { REDIS_URL: 'redis://elsewhere' } }],
  ])('with %s, even as root', (_, facts) => {
    expect(decide(['redis'], machine({ root: true, ...facts }))).toEqual({ kind: 'nothing' });
  });

  test('without packages', () => expect(decide([], machine({}))).toEqual({ kind: 'nothing' }));
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
])('prints the commands for %s', (_, facts, command) => {
  const decision = decide(['redis'], machine(facts));
  const text = decision.kind === 'print' ? decision.text : '';
  expect(text).toContain(`${command} `);
  expect(text).toMatch(/dnf install -y valkey/);
  expect(text).toMatch(/brew install redis/);
  expect(text).toContain('REDIS_URL');
});

test('names all missing packages at once', () => {
  const decision = decide(['redis', 'prometheus', 'chromium'], machine({ programs: ['redis-server'] }));
  const text = decision.kind === 'print' ? decision.text : '';
  expect(text).toContain('sudo apt-get install -y prometheus chromium ');
  expect(text).not.toContain('REDIS_URL');
});

test('prints no macOS command for a Linux-only package', () => {
  const decision = decide(['redis', 'buildah'], machine({}));
  const text = decision.kind === 'print' ? decision.text : '';
  expect(text).toContain('sudo apt-get install -y redis-server buildah ');
  expect(text).not.toContain('brew');
});

test.each(['nix', 'constructor'])('refuses an unknown package: %s', (name) => {
  expect(() => decide([name], machine({}))).toThrow(/known are: redis/);
});
