import { execFile } from 'node:child_process';
import net from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ATTEMPT_TIMEOUT_MS } from '../../../src/process/attempt-timeout.ts';
import { producerConnection } from '../../../src/redis/connection.ts';
import type { RedisLocation } from '../../../src/redis/location.ts';
import { COMPILE_CACHE, ROOT } from '../../support/process.ts';

/** A preloaded module that prints the timeout when the program exits. */
const PRINT_TIMEOUT = `--import=data:text/javascript,${encodeURIComponent(`
  import net from 'node:net';
  process.on('exit', () => process.stderr.write('attempt ' + net.getDefaultAutoSelectFamilyAttemptTimeout() + '\\n'));
`)}`;

/** Runs a short program of the project. @returns its standard error */
async function run(args: readonly string[], nodeOptions = ''): Promise<string> {
  const env = { PATH: process.env.PATH, ...COMPILE_CACHE, NODE_OPTIONS: `${PRINT_TIMEOUT} ${nodeOptions}` };
  return await new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: ROOT, env }, (_error, _out, err) => resolve(err));
  });
}

describe('the connect timeout of each address of a host', () => {
  it.each([
    ['the command', ['src/cli.ts', '--version']],
    ['the worker', ['workers/main.ts', '--stages', 'none']],
  ])('is more than Node’s 250 ms for all connections of %s', async (_, args) => {
    expect(await run(args)).toContain(`attempt ${ATTEMPT_TIMEOUT_MS}\n`);
  });

  it('is that of NODE_OPTIONS when that is more', async () => {
    const stated = '--network-family-autoselection-attempt-timeout=4000';
    expect(await run(['src/cli.ts', '--version'], stated)).toContain('attempt 4000\n');
  });
});

describe('an application’s connection to Redis', () => {
  afterEach(() => void vi.restoreAllMocks());

  it.each<[string, RedisLocation]>([
    ['one server', 'redis://127.0.0.1:1'],
    ['one server with TLS', 'rediss://127.0.0.1:1'],
    ['a cluster', { cluster: 'redis://127.0.0.1:1' }],
  ])('has that timeout: %s', async (_, location) => {
    const connect = vi.spyOn(net.Socket.prototype, 'connect');
    const connection = producerConnection({ location });
    await expect.poll(() => connect.mock.calls.length, { timeout: 30_000 }).toBeGreaterThan(0);
    connection.disconnect();
    // Node passes the options as they are, or as the first element of an array.
    const targets = connect.mock.calls.map(([options]) => [options].flat(2)[0]);
    for (const options of targets) {
      expect(options).toMatchObject({ port: 1, autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS });
    }
    // Other connections of the application keep Node’s default.
    expect(net.getDefaultAutoSelectFamilyAttemptTimeout()).toBeLessThan(ATTEMPT_TIMEOUT_MS);
  });
});
