import { execFile } from 'node:child_process';
import net from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ATTEMPT_TIMEOUT_MS } from '../../../src/process/attempt-timeout.ts';
import { producerConnection } from '../../../src/redis/connection.ts';
import type { RedisLocation } from '../../../src/redis/location.ts';
import { COMPILE_CACHE, ROOT } from '../../support/process.ts';

/** What every program has as it ends, told by a module that it loads first. */
const TELL = `--import=data:text/javascript,${encodeURIComponent(`
  import net from 'node:net';
  process.on('exit', () => process.stderr.write('attempt ' + net.getDefaultAutoSelectFamilyAttemptTimeout() + '\\n'));
`)}`;

/** Runs a program of the project's that ends soon. @returns what it wrote to standard error */
async function ends(args: readonly string[], nodeOptions = ''): Promise<string> {
  const env = { PATH: process.env.PATH, ...COMPILE_CACHE, NODE_OPTIONS: `${TELL} ${nodeOptions}` };
  return await new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: ROOT, env }, (_error, _out, err) => resolve(err));
  });
}

describe('each address of a host', () => {
  it.each([
    ['the command', ['src/cli.ts', '--version']],
    ['the worker', ['workers/main.ts', '--stages', 'none']],
  ])('gets more than Node’s 250 ms, for all that %s connects to', async (_, args) => {
    expect(await ends(args)).toContain(`attempt ${ATTEMPT_TIMEOUT_MS}\n`);
  });

  it('gets what NODE_OPTIONS says, where that is more', async () => {
    const stated = '--network-family-autoselection-attempt-timeout=4000';
    expect(await ends(['src/cli.ts', '--version'], stated)).toContain('attempt 4000\n');
  });
});

describe('an application’s connection to Redis', () => {
  afterEach(() => void vi.restoreAllMocks());

  it.each<[string, RedisLocation]>([
    ['one server', 'redis://127.0.0.1:1'],
    ['one server with TLS', 'rediss://127.0.0.1:1'],
    ['a cluster', { cluster: 'redis://127.0.0.1:1' }],
  ])('gives each address of a host more time: %s', async (_, location) => {
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    const connection = producerConnection({ location });
    await expect.poll(() => connect.mock.calls.length, { timeout: 30_000 }).toBeGreaterThan(0);
    connection.disconnect();
    // Node says it as one argument, a list that begins with them, or as it was said.
    const asked = connect.mock.calls.map(([options]) => [options].flat(2)[0]);
    for (const options of asked) {
      expect(options).toMatchObject({ port: 1, autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS });
    }
    // What else the application connects to is its own affair.
    expect(net.getDefaultAutoSelectFamilyAttemptTimeout()).toBeLessThan(ATTEMPT_TIMEOUT_MS);
  });
});
